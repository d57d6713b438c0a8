"""Erasing one end user on request: find them, see what there is, erase, keep the pseudonym as the receipt."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from console.forms import FormPage
from console.tables import Column, Empty, Table, TablePage
from events.ledger.end_users import EndUser, end_users_beginning_with
from tenants.data_protection import MAX_END_USER_LENGTH
from tenants.erased_users import ErasedEndUser, Erasure
from tenants.erasures import request_erasure
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_FOUND = 20
MOST_LATEST = 5
TONES = {"waiting": "neutral", "running": "info", "done": "good", "failed": "bad"}
STEPS = (("events", "Events"), ("runs", "Calls"), ("usage_records", "Usage records"))


class ErasedTable(Table):
    """Pseudonyms of who was erased."""

    name = "erased"
    caption, noun = "Erased end users", "erased end user"
    columns = (
        Column("pseudonym", "Pseudonym", kind="code", primary=True),
        Column("erased_at", "Erased", kind="when", sort="erased_at"),
    )
    default_sort = "-erased_at"
    page_size = 25
    exportable = True
    empty = Empty("user-minus", "Nobody was erased yet", "The pseudonym of whoever is erased will be listed here.")


class ErasurePage(WorkspacePage, TablePage):
    """The search, and who was erased so far."""

    permission = TenantPermission.ERASE_USER_DATA
    template_name = "console/settings/erasure.html"
    table_class = ErasedTable

    def get_rows(self) -> QuerySet[ErasedEndUser]:
        """Of the tenant."""
        return self.workspace.scope(ErasedEndUser.objects.all())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Who begins with what was typed."""
        text = self.request.GET.get("user", "").replace("\x00", "").strip()[:MAX_END_USER_LENGTH]
        found = self._found(text) if text else []
        return super().get_context_data(
            text=text,
            found=[(one, self._confirm_url(one.name)) for one in found],
            latest=[(one, self._progress_url(one)) for one in self._latest()],
            many=len(found) == MOST_FOUND,
            exact_url="" if not text or any(one.name == text for one in found) else self._confirm_url(text),
            **kwargs,
        )

    def _found(self, text: str) -> list[EndUser]:
        assert self.workspace.tenant is not None
        return end_users_beginning_with(str(self.workspace.tenant.pk), text, most=MOST_FOUND)

    def _latest(self) -> list[Erasure]:
        """What is not over, and what failed or ended lately."""
        return list(self.workspace.scope(Erasure.objects.order_by("-requested_at"))[:MOST_LATEST])

    def _progress_url(self, row: Erasure) -> str:
        return self.workspace.url("settings-erasure-progress", pk=row.pk)

    def _confirm_url(self, name: str) -> str:
        return f"{self.workspace.url('settings-erasure-confirm')}?{urlencode({'user': name})}"


class ErasureForm(forms.Form):
    """The id once more."""

    end_user = forms.CharField(
        label="End user, to be sure",
        max_length=MAX_END_USER_LENGTH,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, end_user: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = end_user
        self.fields["end_user"].help_text = "Type the id exactly as it stands above."

    def clean_end_user(self) -> str:
        """Exactly the one that was looked up."""
        written: str = self.cleaned_data["end_user"]
        if written != self.wanted:
            raise ValidationError("This is not the id above.")
        return written


class ErasureConfirm(WorkspacePage, FormPage):
    """What there is of one end user, and the button."""

    permission = TenantPermission.ERASE_USER_DATA
    template_name = "console/settings/erasure_confirm.html"
    form_class = ErasureForm
    title, submit_label, danger = "Erase an end user", "Erase this end user", True

    @property
    def end_user(self) -> str:
        """As the address names them."""
        return self.request.GET.get("user", "").replace("\x00", "")[:MAX_END_USER_LENGTH]

    @property
    def tenant(self) -> Tenant:
        """Whose end user."""
        assert self.workspace.tenant is not None
        return self.workspace.tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form knows the id to type."""
        return {**super().get_form_kwargs(), "end_user": self.end_user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the ledger has of them."""
        found = end_users_beginning_with(str(self.tenant.pk), self.end_user, most=1) if self.end_user else []
        known = found[0] if found and found[0].name == self.end_user else None
        return super().get_context_data(end_user=self.end_user, known=known, **kwargs)

    def save(self, form: forms.Form) -> str:
        """Everything of them, up to now; the page that follows shows how far it is."""
        row = request_erasure(tenant=self.tenant, end_user=form.cleaned_data["end_user"])
        return self.workspace.url("settings-erasure-progress", pk=row.pk)

    def cancel_url(self) -> str:
        """The search."""
        return self.workspace.url("settings-erasure")


class ErasureProgress(WorkspacePage, TemplateView):
    """How far an erasure is, live, and how it ended."""

    permission = TenantPermission.ERASE_USER_DATA

    def get_template_names(self) -> list[str]:
        """What changes alone where htmx asks for it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        part = htmx and htmx.target == "erasure-progress"
        return [f"console/settings/{'_' if part else ''}erasure_progress.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Each step with what it has changed so far, and whether it is over."""
        row: Erasure = get_object_or_404(self.workspace.scope(Erasure.objects.all()), pk=kwargs["pk"])
        names = [name for name, _ in STEPS]
        at = names.index(row.step) if row.step in names else len(names) if row.state == Erasure.State.DONE else -1
        steps = [
            (label, getattr(row, name), "done" if number < at else "now" if number == at else "later")
            for number, (name, label) in enumerate(STEPS)
        ]
        return super().get_context_data(erasure=row, tone=TONES[row.state], steps=steps, **kwargs)
