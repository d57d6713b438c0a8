"""One drift monitor: what its looks found, as a matrix and over time, and one finding with the calls that moved."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from console.charts import Chart, Series
from evaluation.drift import selectors
from evaluation.drift.rows import DriftCheck, DriftFinding, DriftMonitor
from evaluation.drift.words import (
    TESTS,
    effect_about,
    effect_in_words,
    moved_in_words,
    probability,
    segment_in_words,
    value_in_words,
    verdict_in_words,
)
from evaluation.engine.drift_signals import DRIFT_SIGNALS
from evaluation.pages.drift_shown import Cell, bars_of, labels_of, matrix_of
from evaluation.pages.drift_words import (
    OUTCOMES,
    finding_tone,
    length_in_words,
    looks_at_in_words,
    phase_in_words,
    reference_in_words,
)
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_LOOKS = 30
MOST_LINES = 8


class OfMonitor(WorkspacePage):
    """Beside a view of one monitor; who may change it, unless the view says otherwise."""

    permission = TenantPermission.MANAGE_EVALUATIONS

    @cached_property
    def monitor(self) -> DriftMonitor:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        rows = self.workspace.scope(DriftMonitor.objects.select_related("tenant", "state"))
        found: DriftMonitor = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    @property
    def url(self) -> str:
        """The monitor's page."""
        return str(self.workspace.url("drift-monitor", pk=self.monitor.pk))

    @cached_property
    def sees_costs(self) -> bool:
        """Whether figures of costs are shown."""
        return self.workspace.may(TenantPermission.VIEW_COSTS)

    def seen(self, findings: list[DriftFinding]) -> list[DriftFinding]:
        """Without those that this person does not see."""
        return [one for one in findings if self.sees_costs or not DRIFT_SIGNALS[one.signal].costs]


class DriftPage(OfMonitor, TemplateView):
    """Where it stands, the last look's signals by segment, how one of them went on, and its looks."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/drift.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Of the last look, or the one that the address names."""
        monitor, check = self.monitor, self._check()
        findings = self.seen(selectors.findings_of(check)) if check else []
        names = selectors.key_names(monitor, {one.segment for one in findings})
        state = getattr(monitor, "state", None)
        label, tone, icon = phase_in_words(monitor, state)
        segments, rows = matrix_of(monitor, findings, names)
        looks = DriftCheck.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor)[:MOST_LOOKS]
        return super().get_context_data(
            monitor=monitor,
            state=state,
            phase={"label": label, "tone": tone, "icon": icon},
            check=check,
            outcome=OUTCOMES[check.outcome] if check else None,
            is_last=check is None or "look" not in self.request.GET,
            drifted=[Cell.of(monitor, one, names) for one in findings if one.drifted],
            segments=segments,
            rows=rows,
            chart=self._chart(),
            looks=[(one, *OUTCOMES[one.outcome]) for one in looks],
            window=length_in_words(monitor.window_minutes),
            every=length_in_words(monitor.every_minutes),
            reference=reference_in_words(monitor),
            looks_at=looks_at_in_words(monitor),
            key_name=names.get(monitor.key_id, monitor.key_id),
            level=f"{monitor.level:g}",
            may_change=self.workspace.may(TenantPermission.MANAGE_EVALUATIONS),
            **kwargs,
        )

    def _check(self) -> DriftCheck | None:
        chosen = self.request.GET.get("look", "")
        rows = DriftCheck.objects.for_tenant(self.monitor.tenant_id).filter(monitor=self.monitor)
        if chosen:
            try:
                check: DriftCheck = get_object_or_404(rows, pk=chosen)
            except ValidationError as error:
                raise Http404("There is no look of this id.") from error
            return check
        return selectors.newest_check(self.monitor)

    def _chart(self) -> Chart | None:
        """Effects of all signals over all calls, each as a multiple of what matters."""
        courses = selectors.courses_of(self.monitor)
        shown = [one for one in self.monitor.signals if one in courses]
        shown = [one for one in shown if self.sees_costs or not DRIFT_SIGNALS[one].costs][:MOST_LINES]
        times = sorted({at for name in shown for at in courses[name]})
        if len(times) < 2:
            return None
        series = [
            Series(DRIFT_SIGNALS[name].title, [_share_of_least(courses[name].get(at)) for at in times])
            for name in shown
        ]
        series.append(Series("Matters", [1.0] * len(times), "bad"))
        return Chart("Difference, as a multiple of what matters", times, series, height=240, zoom=False)


def _share_of_least(point: selectors.Point | None) -> float | None:
    if point is None or point.effect is None or not point.least:
        return None
    return round(point.effect / point.least, 3)


class DriftFindingPage(OfMonitor, TemplateView):
    """One signal of one segment in one look: both distributions, the figures, and the calls that moved."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/drift_finding.html"

    @cached_property
    def finding(self) -> DriftFinding:
        """The one of the address, as far as this person sees it.

        Raises:
            Http404: there is none, or it is of costs.
        """
        rows = DriftFinding.objects.for_tenant(self.monitor.tenant_id).filter(check_row__monitor=self.monitor)
        if not self.sees_costs:
            rows = rows.exclude(signal__in=[one.name for one in DRIFT_SIGNALS.values() if one.costs])
        found: DriftFinding = get_object_or_404(rows.select_related("check_row"), pk=self.kwargs["finding"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """In words, with units."""
        monitor, finding = self.monitor, self.finding
        names = selectors.key_names(monitor, {finding.segment})
        reads = self.workspace.may(TenantPermission.VIEW_PAYLOADS)
        examples = selectors.examples_of(finding, texts=reads)
        points = selectors.course_of(monitor, finding.signal, finding.segment)
        return super().get_context_data(
            monitor=monitor,
            signal=DRIFT_SIGNALS[finding.signal],
            check=finding.check_row,
            segment=segment_in_words(monitor, finding.segment, names),
            tone=finding_tone(finding, monitor.confirm),
            moved=moved_in_words(finding),
            verdict=verdict_in_words(finding),
            effect=effect_in_words(finding),
            effect_about=effect_about(finding),
            test=TESTS.get(finding.test, finding.test),
            p=probability(finding.p),
            q=probability(finding.q),
            columns=bars_of(finding),
            labels=labels_of(finding),
            chart=_course_chart(points),
            examples=[(one, value_in_words(finding.signal, one.value)) for one in examples],
            has_texts=any(one.input_text or one.output_text for one in examples),
            reads=reads,
            **{**kwargs, "finding": finding},
        )


def _course_chart(points: list[selectors.Point]) -> Chart | None:
    if len([point for point in points if point.effect is not None]) < 2:
        return None
    drifted = [point.effect if point.drifted else None for point in points]
    series = [
        Series("Difference", [point.effect for point in points], "brand"),
        Series("Matters from", [point.least for point in points], "bad"),
        *([Series("Drifted", drifted, "orange")] if any(point.drifted for point in points) else []),
    ]
    return Chart("Over the last looks", [point.at for point in points], series, unit="percent", zoom=False)
