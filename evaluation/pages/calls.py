"""A request becomes an item of a golden set, from its page."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from console.forms import FormPage
from evaluation.from_calls import add_call, stored_texts
from evaluation.models import GoldenSet
from events.models import Run
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class FromCallForm(forms.Form):
    """Which set, and what a good answer would have been."""

    golden_set = forms.ModelChoiceField(GoldenSet.objects.none(), label="Golden set", empty_label=None)
    expected = forms.CharField(
        label="A good answer",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text="What was answered; mend it where it was wrong.",
    )


class FromCall(WorkspacePage, FormPage):
    """Takes what was asked in the request of the address."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    form_class = FromCallForm
    title, submit_label = "Add to a golden set", "Add the item"

    @cached_property
    def run(self) -> Run:
        """The request."""
        self.workspace.require(TenantPermission.VIEW_PAYLOADS)
        found: Run = get_object_or_404(self.workspace.scope(Run.objects.all()), correlation_id=self.kwargs["run"])
        return found

    def get_initial(self) -> dict[str, Any]:
        """What was answered."""
        asked, answered = stored_texts(self.run)
        if asked is None:
            raise Http404("Nothing is stored of what was asked in this request.")
        return {"expected": answered}

    def get_form(self, form_class: Any = None) -> Any:
        """With the sets of the request's tenant."""
        form: Any = super().get_form(form_class)
        form.fields["golden_set"].queryset = self._sets()
        return form

    def save(self, form: forms.Form) -> str:
        """Into the set's draft."""
        golden_set = form.cleaned_data["golden_set"]
        add_call(golden_set=golden_set, correlation_id=self.run.correlation_id, expected=form.cleaned_data["expected"])
        messages.success(self.request, f"The request is an item of “{golden_set.name}” now.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The request's page."""
        return self.workspace.url("run", run=self.kwargs["run"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Where there is no set yet, the form says so."""
        if not self._sets().exists():
            kwargs["intro"] = "There is no golden set yet: create one first, under Golden sets."
        return super().get_context_data(**kwargs)

    def _sets(self) -> QuerySet[GoldenSet]:
        return GoldenSet.objects.filter(tenant=uuid.UUID(self.run.tenant_id))
