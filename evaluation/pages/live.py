"""Live evaluation: the list, one with its course and lowest scores, and its form."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import View

from console.charts import Chart, Series
from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from evaluation.live import selectors
from evaluation.live.asking import spent_today
from evaluation.live.kinds import live_evaluators
from evaluation.live.selectors import PERIODS, Period
from evaluation.live.services import (
    create_live_evaluation,
    delete_live_evaluation,
    evaluators_of,
    update_live_evaluation,
)
from evaluation.models import LiveEvaluation, LiveScore
from evaluation.pages.live_form import LiveEvaluationForm
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

SHOWN_ID = 14
"""Characters of a call's id in a list: its end tells calls apart."""


class LiveTable(Table):
    """Live evaluations with what the last day brought."""

    name = "live-evaluations"
    caption, noun = "Live evaluations", "live evaluation"
    columns = (
        Column("name", "Live evaluation", template="console/evaluation/_live_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("rate", "Share", kind="percent", sort="rate", help="Of the calls that it wants", phone=False),
        Column("scored", "Scored calls", kind="number", sort="scored", help="Last 24 hours"),
        Column("mean", "Mean score", kind="percent", sort="mean", help="Of all its evaluators, last 24 hours"),
        Column("judged", "Judges", kind="money", accessor="judged_nanousd", sort="judged_nanousd", help="24 hours"),
    )
    default_sort = "name"
    search = ("name",)
    live = "config.object.changed"
    empty = Empty(
        "activity",
        "No live evaluation yet",
        "A share of the calls of your applications is scored as they come in, so that worse answers are noticed within "
        "minutes. Alert rules and objectives can look at the scores.",
        "Score live calls",
        "live-evaluation-create",
        "manage_evaluations",
    )

    def row_url(self, row: LiveEvaluation) -> str:
        """Its page."""
        return self.workspace.url("live-evaluation", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Costs are not everybody's, and whose it is, is known in a tenant."""
        hidden = set() if self.workspace.is_platform else {"tenant"}
        hidden |= set() if self.workspace.may(TenantPermission.VIEW_COSTS) else {"judged"}
        return tuple(column for column in self.columns if column.name not in hidden)


class LiveList(WorkspacePage, TablePage):
    """All live evaluations of the workspace."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/live_list.html"
    table_class = LiveTable

    def get_rows(self) -> QuerySet[LiveEvaluation]:
        """With figures of the last day."""
        rows = self.workspace.scope(LiveEvaluation.objects.select_related("tenant"))
        return selectors.with_day(rows, timezone.now())


class OfLive(WorkspacePage):
    """Beside a view of one live evaluation."""

    permission = TenantPermission.MANAGE_EVALUATIONS

    @cached_property
    def evaluation(self) -> LiveEvaluation:
        """The one of the address."""
        rows = self.workspace.scope(LiveEvaluation.objects.select_related("tenant"))
        found: LiveEvaluation = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    def cancel_url(self) -> str:
        """Its page."""
        return self.workspace.url("live-evaluation", pk=self.evaluation.pk)


class ScoreFilter(django_filters.FilterSet):
    """By evaluator, route and model."""

    evaluator = django_filters.CharFilter(label="Evaluator", lookup_expr="exact")
    route = django_filters.CharFilter(label="Route", field_name="sample__route")
    model = django_filters.CharFilter(label="Model", field_name="sample__model")

    class Meta:
        """Of scores."""

        model = LiveScore
        fields = ("evaluator", "route", "model")


def _short_id(row: LiveScore) -> str:
    run_id = row.sample.run_id
    return run_id if len(run_id) <= SHOWN_ID else f"{run_id[:4]}…{run_id[4 - SHOWN_ID :]}"


def _why(row: LiveScore) -> str:
    return row.why or row.label


class ScoreTable(Table):
    """Scores, the lowest first."""

    name = "live-scores"
    caption, noun = "Scored calls, the lowest scores first", "score"
    columns = (
        Column("call", "Call", kind="code", accessor=_short_id, primary=True),
        Column("asked", "Asked", accessor="sample.input_text", template="console/evaluation/_live_text.html"),
        Column("at", "When", kind="when", sort="at"),
        Column("value", "Score", kind="percent", sort="value"),
        Column("evaluator", "Evaluator", sort="evaluator"),
        Column("route", "Route", accessor="sample.route", sort="sample__route", phone=False),
        Column("model", "Model", accessor="sample.model", sort="sample__model", phone=False),
        Column("why", "Why", accessor=_why, template="console/evaluation/_live_text.html", phone=False),
    )
    default_sort = "value"
    filterset = ScoreFilter
    page_size = 20
    kept = ("period",)
    empty = Empty(
        "activity",
        "No scores in this time",
        "They appear within a minute of the calls that the live evaluation wants. Choose a longer time above, or look "
        "at which calls it wants.",
    )

    def row_url(self, row: LiveScore) -> str:
        """The request's page."""
        return self.workspace.url("run", run=row.sample.run_id)

    def shown_columns(self) -> tuple[Column, ...]:
        """Reasons may quote what was said."""
        hidden = set() if self.workspace.may(TenantPermission.VIEW_PAYLOADS) else {"asked", "why"}
        return tuple(column for column in self.columns if column.name not in hidden)


class LivePage(OfLive, TablePage):
    """One: scores over time, those that are lowest, what judges cost, what was lost."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/live.html"
    table_class = ScoreTable

    @cached_property
    def now(self) -> datetime:
        """One instant for the whole page."""
        return timezone.now()

    @property
    def period(self) -> Period:
        """What is looked at."""
        return PERIODS.get(self.request.GET.get("period", ""), PERIODS["24h"])

    def get_rows(self) -> QuerySet[LiveScore]:
        """Of the period, where the evaluator could tell."""
        rows = selectors.scores_of(self.evaluation, self.now - self.period.length)
        return rows.filter(value__isnull=False).select_related("sample")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Figures by evaluator, and charts where there is anything to draw."""
        evaluation, since = self.evaluation, self.now - self.period.length
        course = selectors.course(evaluation, self.period, self.now)
        lost = selectors.losses(evaluation.tenant_id, since)
        return super().get_context_data(
            evaluation=evaluation,
            evaluators=evaluators_of(evaluation),
            period=self.period,
            periods=[(one.name, one.label) for one in PERIODS.values()],
            figures=selectors.figures(evaluation, self.period, self.now),
            charts=charts_of(course) if course.means else [],
            scored=sum(course.counts),
            judged=selectors.judges_cost(evaluation, since),
            spent_today=spent_today(evaluation),
            lost=sum(calls for _, calls in lost),
            losses=lost,
            costs=self.workspace.may(TenantPermission.VIEW_COSTS),
            **kwargs,
        )


def charts_of(course: selectors.Course) -> list[tuple[str, Chart]]:
    """Scores over time, and how many they rest on."""
    means = [Series(name, values) for name, values in course.means.items()]
    return [
        ("scores", Chart("Mean score", course.times, means, unit="percent", zoom=False)),
        ("counts", Chart("Scores", course.times, [Series("Scores", course.counts, "slate")], kind="bars")),
    ]


class LiveFormPage(WorkspacePage, FormPage):
    """The form."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    form_class = LiveEvaluationForm
    template_name = "console/evaluation/live_form.html"

    @property
    def tenant(self) -> Tenant:
        """Whose calls are scored."""
        if self.workspace.tenant is None:
            raise Http404
        return self.workspace.tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """It offers what the tenant has."""
        return {**super().get_form_kwargs(), "tenant": self.tenant}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether there is anybody to score."""
        return super().get_context_data(no_evaluators=not any(live_evaluators(self.tenant.pk)), **kwargs)


class LiveCreate(LiveFormPage):
    """A new one."""

    title, submit_label = "Score live calls", "Begin to score"
    intro = "A share of the calls is scored within a minute of being answered. No call is slower or fails for it."

    def save(self, form: forms.Form) -> str:
        """From the next calls on."""
        assert isinstance(form, LiveEvaluationForm)
        row = create_live_evaluation(tenant=self.tenant, **form.values())
        messages.success(self.request, f"“{row.name}” looks at the next calls.")
        return self.workspace.url("live-evaluation", pk=row.pk)

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("live-evaluations")


class LiveEdit(OfLive, LiveFormPage):
    """One that there is."""

    title, submit_label = "Change the live evaluation", "Save"

    @property
    def tenant(self) -> Tenant:
        """The evaluation's."""
        owner: Tenant = self.evaluation.tenant
        return owner

    def get_form_kwargs(self) -> dict[str, Any]:
        """As it is."""
        return {**super().get_form_kwargs(), "row": self.evaluation}

    def save(self, form: forms.Form) -> str:
        """What was scored stays."""
        assert isinstance(form, LiveEvaluationForm)
        update_live_evaluation(evaluation=self.evaluation, **form.values())
        messages.success(self.request, "Saved. Gateways know within a second.")
        return self.cancel_url()


class LiveSwitch(OfLive, View):
    """On or off."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The other than it is."""
        row = update_live_evaluation(evaluation=self.evaluation, enabled=not self.evaluation.enabled)
        words = "Calls are sampled again." if row.enabled else "No more calls are sampled. Scores stay."
        messages.success(request, words)
        return go_to(request, self.cancel_url())


class LiveDelete(OfLive, FormPage):
    """For good, with its scores."""

    form_class = TypedNameForm
    title, submit_label, danger = "Delete the live evaluation", "Delete it", True
    intro = "Its scores go with it; sums by the minute stay, and rules that look at them find no new ones."

    def get_form_kwargs(self) -> dict[str, Any]:
        """The name has to be typed."""
        return {**super().get_form_kwargs(), "expected": self.evaluation.name}

    def save(self, form: forms.Form) -> str:
        """Gone."""
        delete_live_evaluation(evaluation=self.evaluation)
        messages.success(self.request, f"“{self.evaluation.name}” is gone.")
        return self.workspace.url("live-evaluations")
