"""A file of items: chosen, looked through, and then taken or dropped."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from console.formats import counted
from console.forms import FormPage
from console.forms.views import go_to
from evaluation.engine.golden_files import text_of
from evaluation.golden_sets import items_of, newest_version
from evaluation.models import GoldenUpload
from evaluation.pages.golden_sets import OfSet
from evaluation.uploads import MAX_BYTES, read_upload, take_upload

MOST_SHOWN = 20


class UploadForm(forms.Form):
    """A file, or its text."""

    file = forms.FileField(
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.jsonl,.ndjson,.json,.txt"}),
        help_text=f"CSV or JSON lines, at most {MAX_BYTES // 1_000_000} MB. Columns: input (needed), expected, "
        "context, rubric, tags, split, key.",
    )
    text = forms.CharField(
        label="Or paste it",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "code-input"}),
    )

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("file") and not (cleaned.get("text") or "").strip():
            raise ValidationError("Choose a file, or paste what it would hold.")
        return cleaned


class UploadStart(OfSet, FormPage):
    """Reads a file; nothing of the set changes."""

    form_class = UploadForm
    title, submit_label = "Upload items", "Look through it"
    intro = "You see what is in it, line by line, before anything is taken."

    def save(self, form: forms.Form) -> str:
        """To the preview."""
        file = form.cleaned_data["file"]
        name = file.name if file else "pasted"
        content = file.read() if file else form.cleaned_data["text"].encode()
        row = read_upload(golden_set=self.golden_set, name=name, content=content)
        return self.workspace.url("golden-upload", pk=self.golden_set.pk, upload=row.pk)


class UploadPreview(OfSet, TemplateView):
    """What was read, and what is wrong; a POST takes it."""

    template_name = "console/evaluation/upload.html"

    @cached_property
    def upload(self) -> GoldenUpload:
        """The one of the address."""
        rows = GoldenUpload.objects.filter(tenant=self.golden_set.tenant_id, golden_set=self.golden_set)
        found: GoldenUpload = get_object_or_404(rows.select_related("golden_set"), pk=self.kwargs["upload"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The first items, all errors, and what the set would gain."""
        newest = newest_version(self.golden_set)
        keys = [one["key"] for one in self.upload.items]
        known = items_of(newest).filter(key__in=keys).count()
        return super().get_context_data(
            upload=self.upload,
            newest=newest,
            count=len(keys),
            new=len(keys) - known,
            known=known,
            shown=[(one, text_of(one["input"])) for one in self.upload.items[:MOST_SHOWN]],
            more=max(0, len(keys) - MOST_SHOWN),
        )

    def post(self, request: HttpRequest, pk: Any, upload: Any) -> HttpResponse:
        """``replace``: the draft has only these items afterwards."""
        number = len(self.upload.items)
        try:
            version = take_upload(upload=self.upload, replace=request.POST.get("how") == "replace")
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, request.get_full_path())
        messages.success(request, f"{counted(number, 'item')} taken into version {version.number}.")
        return go_to(request, self.cancel_url())
