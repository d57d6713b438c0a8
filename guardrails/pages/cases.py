"""Cases of a policy: what its rules must find, and what they must not; and how the draft does."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from contracts.guardrails import Stage
from guardrails.cases import Expectation, add_case, cases_of, remove_case
from guardrails.models import MAX_CASE_LENGTH, Policy, PolicyCase
from guardrails.pages.case_words import EXPECTATIONS, shown_cases
from guardrails.pages.policies import may_change, policy_in
from guardrails.pages.policy_changes import OfPolicy
from guardrails.pages.words import STAGES
from tenants.pages.fields import explained
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class CaseForm(forms.Form):
    """A text and what is right."""

    expect = forms.ChoiceField(
        label="What is right",
        choices=[(value, explained(words.label, words.text)) for value, words in EXPECTATIONS.items()],
        widget=forms.RadioSelect,
        initial=Expectation.HARMLESS,
    )
    text = forms.CharField(
        max_length=MAX_CASE_LENGTH,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false"}),
        help_text="It is kept with the policy, whatever the tenant's setting for stored prompts says.",
    )
    stage = forms.ChoiceField(
        label="It is",
        choices=[(stage, words.label) for stage, words in STAGES.items()],
        initial=Stage.INPUT.value,
        required=False,
    )
    rule_id = forms.ChoiceField(label="By which rule", required=False)
    note = forms.CharField(max_length=300, required=False, help_text="Why it matters, or where it comes from.")

    def __init__(self, *args: Any, policy: Policy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = [(rule["id"], rule["name"]) for rule in policy.rules]
        self.fields["rule_id"].choices = [("", "Any rule"), *rules]  # type: ignore[attr-defined]

    def clean_stage(self) -> str:
        """A prompt, where nothing was said."""
        return self.cleaned_data["stage"] or Stage.INPUT.value


class CaseCreate(OfPolicy, FormPage):
    """A new case; the tester sends what was tried."""

    form_class = CaseForm
    title, submit_label = "Add a case", "Add the case"
    intro = "The draft is held to it each time before it is published."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the rules to choose from."""
        return {**super().get_form_kwargs(), "policy": self.policy}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whose case it is."""
        return super().get_context_data(policy=self.policy, **kwargs)

    def save(self, form: forms.Form) -> str:
        """Onto the list."""
        add_case(policy=self.policy, **form.cleaned_data)
        messages.success(self.request, "Added. The draft is held to it before it is published.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The list of cases."""
        return f"{super().cancel_url()}?tab=cases"


class CaseRemove(OfPolicy, View):
    """Takes a case off the list."""

    def post(self, request: HttpRequest, pk: Any, case: Any) -> HttpResponse:
        """For good."""
        row: PolicyCase = get_object_or_404(cases_of(self.policy), pk=case)
        remove_case(case=row)
        messages.success(request, "Removed. The draft is held to it no more.")
        return go_to(request, f"{self.cancel_url()}?tab=cases")


class CaseRun(WorkspacePage, View):
    """What the draft makes of the cases now. Nothing is stored."""

    permission = TenantPermission.VIEW_TENANT

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The list with results, as a fragment; without script the page with them."""
        policy = policy_in(self.workspace, pk)
        if not getattr(request, "htmx", False):
            return go_to(request, f"{self.workspace.url('policy', pk=policy.pk)}?tab=cases&run=1")
        shown = {"policy": policy, "editable": may_change(self.workspace, policy)}
        shown |= shown_cases(self.workspace, policy, run=True)
        return render(request, "console/guardrails/_case_list.html", shown)
