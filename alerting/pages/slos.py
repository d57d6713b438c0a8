"""Objectives: the list with what is left of each budget, one with its course, and the form."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.views.generic import TemplateView, View

from alerting import services
from alerting.objectives import SLO
from alerting.pages.charts import budget_chart, share_chart
from alerting.pages.segments import EvaluatorField, SegmentField
from alerting.pages.words import AlertingPage, ChangePage, applies_to, from_unit, key_names, one_of, to_unit
from alerting.rules import AlertRule
from console import formats
from console.forms import FormPage
from console.forms.views import go_to
from tenants.models import Tenant
from tenants.pages.fields import InSections, shown_with
from tenants.roles import TenantPermission

MOST = 60


def promise(slo: SLO) -> str:
    """What is promised, in one line."""
    share = f"{slo.objective * 100:.5g}%"
    good = {
        SLO.Kind.AVAILABILITY: "of calls are answered",
        SLO.Kind.LATENCY: f"of answers take at most {formats.duration(slo.limit)}",
        SLO.Kind.COST: f"of calls cost at most {formats.money(slo.limit)}",
        SLO.Kind.SCORE: f"of scored calls have at least {formats.FORMATS['percent'](slo.limit)} by “{slo.evaluator}”",
    }[SLO.Kind(slo.kind)]
    return f"{share} {good} over {slo.window_days} days"


class SLOList(AlertingPage, TemplateView):
    """All objectives of the workspace as cards."""

    template_name = "console/alerting/slos.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what is left of each budget; those that are worst off first."""
        rows = list(self.workspace.scope(SLO.objects.select_related("tenant")).order_by("name")[:MOST])
        if not self.workspace.may(TenantPermission.VIEW_COSTS):
            rows = [row for row in rows if row.kind != SLO.Kind.COST]
        cards = [(row, promise(row), applies_to(row), _course(row)) for row in rows]
        cards.sort(key=lambda card: 2.0 if card[3].left is None else card[3].left)
        return super().get_context_data(cards=cards, **kwargs)


class OfSLO(AlertingPage):
    """One objective of the workspace."""

    @cached_property
    def slo(self) -> SLO:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        found: SLO = one_of(self.workspace, SLO.objects.select_related("tenant"), self.kwargs["pk"])
        if found.kind == SLO.Kind.COST:
            self.workspace.require(TenantPermission.VIEW_COSTS)
        return found


class SLOPage(OfSLO, TemplateView):
    """How its budget burns down, and how fast now."""

    template_name = "console/alerting/slo.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With charts and the burn rates of all windows."""
        from alerting.budget_course import read_burn, words_of

        slo, now = self.slo, int(time.time()) // 60 * 60
        course = _course(slo)
        states = [words_of(state) for state in read_burn(slo, slo.scope, now).states(slo, now - 60, 0)]
        return super().get_context_data(
            slo=slo,
            promise=promise(slo),
            applies_to=applies_to(slo, key_names([slo], slo.tenant_id)),
            course=course,
            left=course.left,
            budget_tone=tone_of(course.left),
            charts=[("budget", budget_chart(slo, course)), ("share", share_chart(slo, course))] if course.total else [],
            burns=states,
            rules=AlertRule.objects.filter(tenant=slo.tenant_id, slo=slo).select_related("state"),
            **kwargs,
        )


class SLOForm(InSections, forms.Form):
    """What is promised, of which calls."""

    name = forms.CharField(max_length=64)
    description = forms.CharField(max_length=300, required=False, help_text="To whom it is promised, and why.")
    kind = forms.ChoiceField(
        label="A call is good",
        choices=[
            (SLO.Kind.AVAILABILITY, "When it is answered"),
            (SLO.Kind.LATENCY, "When it is answered fast enough"),
            (SLO.Kind.COST, "When it costs little enough"),
            (SLO.Kind.SCORE, "When it scores high enough"),
        ],
        initial=SLO.Kind.AVAILABILITY,
        widget=forms.RadioSelect,
    )
    latency_ms = forms.FloatField(
        label="Fast enough, ms",
        required=False,
        min_value=1,
        initial=3_000,
        widget=forms.NumberInput(attrs={"step": "any", **shown_with("kind=latency")}),
        help_text="Counted in steps of nine per cent, for all calls together.",
    )
    dollars = forms.FloatField(
        label="Dollars a call at most",
        required=False,
        min_value=0,
        widget=forms.NumberInput(attrs={"step": "any", **shown_with("kind=cost")}),
        help_text="By the mean of each minute: what single calls cost is not counted by the minute.",
    )
    evaluator = EvaluatorField(
        label="Scores by",
        required=False,
        widget=forms.Select(attrs=shown_with("kind=score")),
        help_text="An evaluator that a live evaluation asks; only calls that it scored count.",
    )
    score = forms.TypedChoiceField(
        label="High enough",
        required=False,
        choices=[(f"{step * 5}", f"{step * 5}%") for step in range(1, 21)],
        coerce=int,
        empty_value=None,
        initial="70",
        widget=forms.Select(attrs=shown_with("kind=score")),
    )
    objective = forms.FloatField(
        label="Promised, percent",
        min_value=50,
        max_value=99.999,
        initial=99.5,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text="The rest is the error budget.",
    )
    window_days = forms.TypedChoiceField(
        label="Over", choices=[(7, "7 days"), (28, "28 days"), (30, "30 days")], coerce=int, initial=28
    )
    calls = SegmentField(
        label="Calls", required=False, widget=forms.Select(attrs=shown_with("kind=availability,cost,score"))
    )
    enabled = forms.BooleanField(label="Rules look at it", required=False, initial=True)
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "description")),
        ("What is good", "", ("kind", "latency_ms", "dollars", "evaluator", "score", "calls")),
        ("What is promised", "", ("objective", "window_days", "enabled")),
    )

    def __init__(self, *args: Any, tenant: Tenant | None, slo: SLO | None = None, **kwargs: Any) -> None:
        if slo is not None:
            kwargs["initial"] = {
                **{name: getattr(slo, name) for name in ("name", "description", "kind", "window_days", "enabled")},
                "objective": round(slo.objective * 100, 6),
                "latency_ms": slo.limit if slo.kind == SLO.Kind.LATENCY else None,
                "dollars": to_unit(slo.limit, "money") if slo.kind == SLO.Kind.COST else None,
                "score": str(round((slo.limit or 0) * 100)) if slo.kind == SLO.Kind.SCORE else "70",
                "evaluator": slo.evaluator,
                "calls": (slo.segment_kind, slo.segment),
            }
        super().__init__(*args, **kwargs)
        calls, evaluator = self.fields["calls"], self.fields["evaluator"]
        assert isinstance(calls, SegmentField)
        calls.offer(tenant, (slo.segment_kind, slo.segment) if slo else ("all", ""))
        assert isinstance(evaluator, EvaluatorField)
        evaluator.offer(tenant, slo.evaluator if slo else "")

    def values(self) -> dict[str, Any]:
        """For the service.

        Raises:
            ValidationError: the limit of its kind is missing.
        """
        given = dict(self.cleaned_data)
        ms, dollars, calls = given.pop("latency_ms"), given.pop("dollars"), given.pop("calls") or ("all", "")
        kind, score = given["kind"], given.pop("score")
        limits = {
            SLO.Kind.LATENCY: ("latency_ms", ms),
            SLO.Kind.COST: ("dollars", from_unit(dollars, "money")),
            SLO.Kind.SCORE: ("score", None if score is None else score / 100),
        }
        field, given["limit"] = limits.get(kind, ("", None))
        if field and given["limit"] is None:
            raise ValidationError({field: "Say how much."})
        if kind != SLO.Kind.SCORE:
            given["evaluator"] = ""
        given["segment_kind"], given["segment"] = ("all", "") if kind == SLO.Kind.LATENCY else calls
        given["objective"] = given["objective"] / 100
        return given


class SLOFormPage(ChangePage, FormPage):
    """The form."""

    form_class = SLOForm
    template_name = "console/sections_form.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """For the workspace's calls."""
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant}

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("slos"))


class SLOCreate(SLOFormPage):
    """A new one, with a rule for its burn rate."""

    title, submit_label = "Create an objective", "Create the objective"
    intro = "What is not promised is the error budget. A rule that tells when it burns too fast comes with it."

    def save(self, form: forms.Form) -> str:
        """With its rule, so that somebody is told."""
        assert isinstance(form, SLOForm)
        slo = services.create_slo_with_rule(tenant=self.workspace.tenant, **form.values())
        messages.success(self.request, f"“{slo.name}” is there, and a rule that looks at its error budget.")
        return self.workspace.url("slo", pk=slo.pk)


class SLOEdit(OfSLO, SLOFormPage):
    """One that there is."""

    permission = TenantPermission.MANAGE_ALERTS
    submit_label = "Save the objective"

    def get_title(self) -> str:
        """Names it."""
        return f"Objective “{self.slo.name}”"

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the objective as it is."""
        return {**super().get_form_kwargs(), "tenant": self.slo.tenant, "slo": self.slo}

    def save(self, form: forms.Form) -> str:
        """Its figures are worked out anew."""
        assert isinstance(form, SLOForm)
        services.update_slo(slo=self.slo, **form.values())
        messages.success(self.request, "Saved.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Its page."""
        return str(self.workspace.url("slo", pk=self.slo.pk))


class SLODelete(OfSLO, View):
    """Away with it and its rules."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Incidents stay."""
        services.delete_slo(slo=self.slo)
        messages.success(request, f"“{self.slo.name}” is gone, and the rules that looked at it.")
        return go_to(request, self.workspace.url("slos"))


def tone_of(left: float | None) -> str:
    """Of what is left of a budget."""
    return "neutral" if left is None else "bad" if left <= 0 else "warn" if left < 0.25 else "good"


def _course(slo: SLO) -> Any:
    # Numbers by the thousand take numpy: web workers import it with the first chart, not as they start.
    from alerting.budget_course import budget_course

    return budget_course(slo, slo.scope, int(time.time()) // 60 * 60)
