"""Alert rules: the list, one with its last day, and the form that shows what a rule would have done."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import TemplateView, View

from alerting import services
from alerting.actions.rows import AlertAction
from alerting.incident_rows import Alert
from alerting.owned import Severity
from alerting.pages.charts import rule_chart
from alerting.pages.rule_form import RuleForm
from alerting.pages.words import AlertingPage, ChangePage, applies_to, condition, key_names, one_of
from alerting.recommended import add_recommended, recommended_for
from alerting.rules import AlertRule
from console.forms import FormPage, Previewed
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from tenants.models import Tenant
from tenants.roles import TenantPermission

MOST_ALERTS = 25


class RuleFilter(django_filters.FilterSet):
    """What rules are narrowed down by."""

    severity = django_filters.ChoiceFilter(choices=Severity.choices, label="Severity", empty_label="Any")
    kind = django_filters.ChoiceFilter(choices=AlertRule.Kind.choices, label="Kind", empty_label="Any")

    class Meta:
        """All filters are declared above."""

        model = AlertRule
        fields: tuple[str, ...] = ()


class RuleTable(Table):
    """Rules with where each stands."""

    name = "alert-rules"
    caption, noun = "Alert rules", "rule"
    columns = (
        Column("name", "Rule", template="console/alerting/_rule_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else "All tenants"),
        Column("phase", "State", template="console/alerting/_phase.html", accessor="enabled"),
        Column("severity", "Severity", template="console/alerting/_severity.html", accessor="severity"),
        Column("condition", "Fires when", accessor=condition),
        Column("calls", "Calls", accessor=applies_to, phone=False),
        Column("updated_at", "Changed", kind="when", sort="updated_at", phone=False),
    )
    default_sort = "name"
    search = ("name", "description")
    search_hint = "Name"
    filterset = RuleFilter
    live = "alert.rule.* config.object.changed"
    empty = Empty(
        "bell",
        "No rules yet",
        "A rule looks at a figure every minute: errors, latency, cost, calls that stay away. Before you save one it "
        "shows how often it would have fired in the last 24 hours.",
        "Create a rule",
        "alert-rule-create",
        "manage_alerts",
    )

    def row_url(self, row: AlertRule) -> str:
        """The rule's page."""
        return self.workspace.url("alert-rule", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class RuleList(AlertingPage, TablePage):
    """All rules of the workspace."""

    template_name = "console/alerting/rules.html"
    table_class = RuleTable

    def get_rows(self) -> QuerySet[AlertRule]:
        """With their states and objectives."""
        return self.workspace.scope(AlertRule.objects.select_related("tenant", "state", "slo"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the rules that could be added."""
        may = self.workspace.may(TenantPermission.MANAGE_ALERTS)
        missing = recommended_for(self.workspace.tenant) if may else []
        return super().get_context_data(recommended=missing, **kwargs)


class RecommendedAdd(ChangePage, View):
    """Rules that suit most owners, in one go."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Added, or said why not."""
        try:
            rules = add_recommended(tenant=self.workspace.tenant)
        except ValidationError as refusal:
            messages.info(request, " ".join(refusal.messages))
        else:
            messages.success(request, f"{len(rules)} rules are looked at every minute from now on.")
        return go_to(request, self.workspace.url("alert-rules"))


class OfRule(AlertingPage):
    """One rule of the workspace."""

    @cached_property
    def rule(self) -> AlertRule:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        rows = AlertRule.objects.select_related("tenant", "slo", "state")
        found: AlertRule = one_of(self.workspace, rows, self.kwargs["pk"])
        return found


class RulePage(OfRule, TemplateView):
    """What it looks at, its last day, and when it fired."""

    template_name = "console/alerting/rule.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the chart of a day."""
        rule = self.rule
        signal = rule.looks_at
        sees = self.workspace.may(TenantPermission.VIEW_COSTS) or not (signal and signal.costs)
        course = _last_day(rule) if sees else None
        return super().get_context_data(
            rule=rule,
            state=getattr(rule, "state", None),
            condition=condition(rule),
            applies_to=applies_to(rule, key_names([rule], rule.tenant_id)),
            chart=rule_chart(rule, course, title="Last 24 hours", height=260) if course and course.known else None,
            sees=sees,
            actions=AlertAction.objects.filter(Q(rule=rule) | Q(rule=None), tenant=rule.tenant_id),
            alerts=Alert.objects.filter(tenant=rule.tenant_id, rule=rule).select_related("incident")[:MOST_ALERTS],
            **kwargs,
        )


class RuleFormPage(ChangePage, Previewed, FormPage):
    """The form, with what the rule would have done beside it."""

    form_class = RuleForm
    template_name = "console/alerting/rule_form.html"

    def owner(self) -> Tenant | None:
        """Whose rule it is."""
        return self.workspace.tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """For the owner's calls."""
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        return {**super().get_form_kwargs(), "tenant": self.owner(), "costs": costs}

    def preview(self, request: HttpRequest) -> HttpResponse:
        """See :class:`Previewed`."""
        form = self.get_form()
        form.fields["name"].required = False
        shown: dict[str, Any] = {"form": form}
        assert isinstance(form, RuleForm)
        if form.is_valid():
            try:
                rule = form.draft()
            except ValidationError as refusal:
                shown["problem"] = " ".join(refusal.messages)
            else:
                course = _last_day(rule)
                shown |= {"course": course, "chart": rule_chart(rule, course, title="Last 24 hours", height=200)}
        return render(request, "console/alerting/_preview.html", shown)

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("alert-rules"))


class RuleCreate(RuleFormPage):
    """A new rule of the workspace."""

    title, submit_label = "Create an alert rule", "Create the rule"

    def get_initial(self) -> dict[str, Any]:
        """What another page fills in, such as an objective's."""
        return {name: self.request.GET[name] for name in ("kind", "slo", "signal") if name in self.request.GET}

    def save(self, form: forms.Form) -> str:
        """It looks at the last minutes with the next round."""
        assert isinstance(form, RuleForm)
        rule = services.create_rule(tenant=self.owner(), **form.values())
        messages.success(self.request, f"“{rule.name}” is looked at every minute from now on.")
        return self.workspace.url("alert-rule", pk=rule.pk)


class RuleEdit(OfRule, RuleFormPage):
    """A rule that there is."""

    permission = TenantPermission.MANAGE_ALERTS
    submit_label = "Save the rule"

    def get_title(self) -> str:
        """Names it."""
        return f"Rule “{self.rule.name}”"

    def owner(self) -> Tenant | None:
        """The rule's, also where the platform changes it."""
        tenant: Tenant | None = self.rule.tenant
        return tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the rule as it is."""
        return {**super().get_form_kwargs(), "rule": self.rule}

    def save(self, form: forms.Form) -> str:
        """What it fired for is over where it says something else now."""
        assert isinstance(form, RuleForm)
        services.update_rule(rule=self.rule, **form.values())
        messages.success(self.request, "Saved.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The rule's page."""
        return str(self.workspace.url("alert-rule", pk=self.rule.pk))


class RuleDelete(OfRule, View):
    """Away with it."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What it fired for is over."""
        services.delete_rule(rule=self.rule)
        messages.success(request, f"“{self.rule.name}” is gone. Its incidents stay.")
        return go_to(request, self.workspace.url("alert-rules"))


class RuleSwitch(OfRule, View):
    """On or off."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The other way round."""
        rule = services.update_rule(rule=self.rule, enabled=not self.rule.enabled)
        messages.success(request, "It is looked at again." if rule.enabled else "It is not looked at any more.")
        return go_to(request, self.workspace.url("alert-rule", pk=rule.pk))


def _last_day(rule: AlertRule) -> Any:
    # Numbers by the thousand take numpy: web workers import it with the first chart, not as they start.
    from alerting.courses import PREVIEW_S, course_of

    now = int(time.time()) // 60 * 60
    return course_of(rule, now - PREVIEW_S, now)
