"""Charts of rules and objectives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from alerting.causes.rows import Deployment
from alerting.incident_rows import Alert
from alerting.objectives import SLO
from alerting.rules import AlertRule
from console.charts import Chart, Mark, Series
from contracts.tenant_scope import across_tenants

MOST_MARKS = 8
AROUND_S = 3600
"""Before an alert began, and after it was over."""


def rule_chart(rule: AlertRule, course: Any, *, title: str = "", height: int = 240) -> Chart:
    """The signal with the threshold, and the stretches in which the rule fires."""
    signal = rule.looks_at
    burning = rule.kind == AlertRule.Kind.BURN_RATE
    unit = "number" if burning or signal is None else signal.unit
    name = "Burn rate, 1 hour" if burning else rule.figure if signal else "Calls"
    series = [Series(name, course.values, "brand")]
    if rule.kind == AlertRule.Kind.THRESHOLD and rule.threshold is not None:
        series.append(Series("Threshold", [rule.threshold] * len(course.times), "bad"))
    if any(bound is not None for bound in course.high):
        series += [Series("Usual, up to", course.high, "slate"), Series("Usual, from", course.low, "slate")]
    fires = [value if _fires(course, at) else None for at, value in zip(course.times, course.values, strict=True)]
    if any(value is not None for value in fires):
        series.append(Series("Firing", fires, "orange"))
    times = "1 time" if len(course.spells) == 1 else f"{len(course.spells)} times"
    return Chart(
        title or name,
        course.times,
        series,
        unit=unit,
        height=height,
        zoom=False,
        summary=f"Fired {times}.",
        marks=deployments(rule.tenant_id, course.times[0], course.times[-1]) if course.times else (),
    )


def deployments(tenant_id: Any, start: datetime, end: datetime) -> list[Mark]:
    """The owner's and the platform's, the last ones."""
    whose = Q(tenant=None) if tenant_id is None else Q(tenant=None) | Q(tenant=tenant_id)
    with across_tenants("what the platform deploys concerns its tenants"):
        rows = list(Deployment.objects.filter(whose, deployed_at__gte=start, deployed_at__lte=end)[:MOST_MARKS])
    return [Mark(row.deployed_at, f"{row} deployed") for row in reversed(rows)]


def _fires(course: Any, at: datetime) -> bool:
    return any(spell.began_at <= at and (spell.ended_at is None or at < spell.ended_at) for spell in course.spells)


def alert_chart(alert: Alert) -> Chart | None:
    """The signal from an hour before the alert to an hour after it; None where that is not kept any more."""
    from alerting.courses import KEPT_S, course_of

    now = timezone.now()
    rule = alert.rule
    start_s = int(alert.began_at.timestamp()) - AROUND_S
    if rule is None or start_s < now.timestamp() - KEPT_S + AROUND_S:
        return None
    end = min(now.timestamp(), (alert.resolved_at or now).timestamp() + AROUND_S)
    course = course_of(rule, start_s, int(end))
    return rule_chart(rule, course, title=alert.name) if course.known else None


def budget_chart(slo: SLO, course: Any) -> Chart:
    """What was left of the error budget over the window."""
    times = [datetime.fromtimestamp(point.at_s, UTC) for point in course.points]
    left = [None if point.left is None else round(point.left, 4) for point in course.points]
    return Chart(
        f"Error budget left, {slo.window_days} days", times, [Series("Left", left, "brand")], unit="percent", zoom=False
    )


def share_chart(slo: SLO, course: Any) -> Chart:
    """Good calls against what is promised."""
    times = [datetime.fromtimestamp(point.at_s, UTC) for point in course.points]
    shares = [None if point.share is None else round(point.share, 5) for point in course.points]
    promised = [slo.objective] * len(times)
    series = [Series("Good calls", shares, "teal"), Series("Promised", promised, "bad")]
    return Chart("Good calls", times, series, unit="percent", zoom=False)
