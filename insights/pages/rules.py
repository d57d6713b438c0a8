"""Forms of rules that say what goes wrong costs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from alerting.owned import Severity
from console.forms.views import FormPage, go_to
from insights.models import ImpactRule
from insights.pages.savings import InsightsPage
from insights.services import create_impact_rule, delete_impact_rule, update_impact_rule
from tenants.roles import TenantPermission

NANO = 1_000_000_000


class ImpactRuleForm(forms.Form):
    """What counts, and how much."""

    name = forms.CharField(max_length=64, help_text="Such as “Lost order”.")
    outcome = forms.ChoiceField(label="When", choices=ImpactRule.Outcome.choices)
    route = forms.CharField(max_length=128, required=False, help_text="Only calls over this route. Empty: all calls.")
    tag = forms.CharField(max_length=64, required=False, help_text="Only calls that carry this tag.")
    tag_value = forms.CharField(label="Value of the tag", max_length=200, required=False)
    severity = forms.ChoiceField(
        label="Severity at least",
        choices=[("", "Any"), *Severity.choices],
        required=False,
        help_text="Of incidents alone.",
    )
    dollars = forms.DecimalField(
        label="Costs, in dollars",
        min_value=0,
        max_digits=15,
        decimal_places=9,
        help_text="A call, or a minute of an incident. Your own estimate: pages and reports say so.",
    )
    enabled = forms.BooleanField(label="Count it", required=False, initial=True)

    def clean_dollars(self) -> int:
        """In nano-dollars.

        Raises:
            ValidationError: it costs nothing.
        """
        nanousd = int(self.cleaned_data["dollars"] * NANO)
        if nanousd <= 0:
            raise ValidationError("What costs nothing need not be counted.")
        return nanousd


class RuleForm(InsightsPage, FormPage):
    """A new rule, or the one of the address."""

    permission = TenantPermission.MANAGE_BUDGETS
    form_class = ImpactRuleForm
    intro = "What something that goes wrong costs your business, beside what providers bill for it."

    @cached_property
    def rule(self) -> ImpactRule | None:
        """None: a new one."""
        if "pk" not in self.kwargs:
            return None
        found: ImpactRule = get_object_or_404(ImpactRule.objects.for_tenant(self.tenant), pk=self.kwargs["pk"])
        return found

    def get_title(self) -> str:
        """New, or which."""
        return "Say what something costs" if self.rule is None else self.rule.name

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        row = self.rule
        if row is None:
            return {"enabled": True}
        names = ("name", "outcome", "route", "tag", "tag_value", "severity", "enabled")
        return {**{name: getattr(row, name) for name in names}, "dollars": row.nanousd / NANO}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        given = dict(form.cleaned_data)
        given["nanousd"] = given.pop("dollars")
        if self.rule is None:
            create_impact_rule(tenant=self.tenant, **given)
        else:
            update_impact_rule(rule=self.rule, **given)
        messages.success(self.request, "Kept. It counts for the past as well.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Where the rules are."""
        return str(self.workspace.url("savings"))


class RuleDelete(InsightsPage, View):
    """After a confirmation in the browser."""

    permission = TenantPermission.MANAGE_BUDGETS

    def post(self, request: HttpRequest, pk: Any, **_: Any) -> HttpResponse:
        """It is gone."""
        row = get_object_or_404(ImpactRule.objects.for_tenant(self.tenant), pk=pk)
        delete_impact_rule(rule=row)
        messages.success(request, "The rule is deleted.")
        return go_to(request, self.workspace.url("savings"))
