"""One item of a golden set: looked at, added, changed, taken out."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from evaluation.golden_sets import (
    newest_version,
    remove_items,
    save_item,
    usable_items_of,
)
from evaluation.models import GoldenItem
from evaluation.pages.golden_sets import OfSet
from tenants.roles import TenantPermission


class ItemForm(forms.Form):
    """One item; lists are one to a line, passages with an empty line between."""

    input = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5}),
        strip=False,
        help_text="What is asked. A chat is a JSON list of messages with role and content.",
    )
    expected = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What a good answer says. Evaluators that compare texts use it.",
    )
    context = forms.CharField(
        label="Passages",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What the answer is to rest on; three dashes on a line of their own separate passages.",
    )
    rubric = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="What a judge goes by for this item."
    )
    tags = forms.CharField(required=False, help_text="With commas between them.")
    split = forms.CharField(required=False, max_length=32, help_text="Such as train or test; runs can be over one.")

    def plain(self) -> dict[str, Any]:
        """As files have it."""
        cleaned = self.cleaned_data
        given: Any = cleaned["input"].replace("\r\n", "\n")
        if given.lstrip().startswith("[{"):
            try:
                given = msgspec.json.decode(given)
            except msgspec.DecodeError as error:
                raise ValidationError({"input": f"This is no JSON: {error}."}) from error
        passages = cleaned["context"].replace("\r\n", "\n").split("\n---\n")
        return {
            "input": given,
            "expected": cleaned["expected"].replace("\r\n", "\n"),
            "context": [one.strip() for one in passages if one.strip()],
            "rubric": cleaned["rubric"],
            "tags": [one.strip() for one in cleaned["tags"].split(",") if one.strip()],
            "split": cleaned["split"],
        }


class ItemPage(OfSet, FormPage):
    """One item of the draft, to be looked at and changed; without a key a new one."""

    permission = TenantPermission.VIEW_PAYLOADS
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    template_name = "console/evaluation/item.html"
    form_class = ItemForm

    @cached_property
    def item(self) -> GoldenItem | None:
        """The one of the address."""
        key = self.kwargs.get("key")
        return None if key is None else get_object_or_404(usable_items_of(self.version), key=key)

    def get_title(self) -> str:
        """New, or which."""
        return "Add an item" if self.item is None else "Item"

    @property
    def submit_label(self) -> str:  # type: ignore[override]
        """What it does."""
        return "Add the item" if self.item is None else "Save the item"

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        row = self.item
        if row is None:
            return {}
        given = row.input
        return {
            "input": given if isinstance(given, str) else msgspec.json.format(msgspec.json.encode(given)).decode(),
            "expected": row.expected,
            "context": "\n---\n".join(row.context),
            "rubric": row.rubric,
            "tags": ", ".join(row.tags),
            "split": row.split,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With where it comes from."""
        newest = newest_version(self.golden_set)
        editable = self.workspace.may(TenantPermission.MANAGE_EVALUATIONS) and self.version.pk == newest.pk
        return super().get_context_data(
            item=self.item, version=self.version, newest=newest, editable=editable, **kwargs
        )

    def save(self, form: forms.Form) -> str:
        """Into the draft."""
        assert isinstance(form, ItemForm)
        key = "" if self.item is None else self.item.key
        source = "console" if self.item is None else self.item.source
        save_item(golden_set=self.golden_set, key=key, plain=form.plain(), source=source)
        messages.success(self.request, "The item is saved." if key else "The item is added.")
        return self.cancel_url()


class ItemRemove(OfSet, View):
    """Takes an item out of the draft."""

    def post(self, request: HttpRequest, pk: Any, key: str) -> HttpResponse:
        """Earlier versions keep it."""
        try:
            remove_items(golden_set=self.golden_set, keys=[key])
        except ValidationError as refusal:
            raise Http404(" ".join(refusal.messages)) from refusal
        messages.success(request, "The item is taken out. Versions that runs have used keep it.")
        return go_to(request, self.cancel_url())
