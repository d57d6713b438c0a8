"""What pages and the API read of drift monitors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import OuterRef, QuerySet, Subquery

from evaluation.drift.rows import DriftCheck, DriftFinding, DriftMonitor
from evaluation.models import LiveSample
from events.models import Run
from tenants.models import ApiKey

MOST_POINTS: Final = 200
MOST_TEXT: Final = 400
"""Characters of an example's text."""


@dataclass(frozen=True, slots=True)
class Point:
    """A finding of one look, as a chart shows it."""

    at: datetime
    effect: float | None
    least: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class ShownExample:
    """A call that is unlike those before, as far as it is still kept."""

    id: str
    score: float
    value: str
    at: datetime | None = None
    route: str = ""
    model: str = ""
    input_text: str = ""
    output_text: str = ""
    kept: bool = False
    """Whether the call itself is, which has a page then."""


def newest_check(monitor: DriftMonitor) -> DriftCheck | None:
    """The last look."""
    found: DriftCheck | None = DriftCheck.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor).first()
    return found


def findings_of(check: DriftCheck) -> list[DriftFinding]:
    """Of one look, in the order of its monitor's signals."""
    return list(DriftFinding.objects.for_tenant(check.tenant_id).filter(check_row=check))


def with_last_looks(monitors: QuerySet[DriftMonitor]) -> QuerySet[DriftMonitor]:
    """Each with ``tests`` and ``found`` of its last look."""
    last = DriftCheck.objects.filter(tenant=OuterRef("tenant_id"), monitor=OuterRef("pk")).order_by(
        "-window_end", "-id"
    )
    return monitors.annotate(tests=Subquery(last.values("tests")[:1]), found=Subquery(last.values("drifted")[:1]))


def course_of(monitor: DriftMonitor, signal: str, segment: str) -> list[Point]:
    """One signal of one segment over the last looks, the oldest first."""
    rows = (
        DriftFinding.objects.for_tenant(monitor.tenant_id)
        .filter(check_row__monitor=monitor, signal=signal, segment=segment)
        .order_by("-check_row__window_end")
        .values_list("check_row__window_end", "effect", "least", "drifted")[:MOST_POINTS]
    )
    return [Point(*row) for row in rows][::-1]


def courses_of(monitor: DriftMonitor) -> dict[str, dict[datetime, Point]]:
    """By signal and look, of all calls together, the oldest first."""
    checks = DriftCheck.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor)
    rows = (
        DriftFinding.objects.for_tenant(monitor.tenant_id)
        .filter(check_row__in=list(checks.values_list("pk", flat=True)[:MOST_POINTS]), segment="")
        .order_by("check_row__window_end")
        .values_list("signal", "check_row__window_end", "effect", "least", "drifted")
    )
    found: dict[str, dict[datetime, Point]] = {}
    for signal, at, effect, least, drifted in rows:
        found.setdefault(signal, {})[at] = Point(at, effect, least, drifted)
    return found


def examples_of(finding: DriftFinding, *, texts: bool) -> list[ShownExample]:
    """Calls that are unlike those before; with texts where the tenant keeps them and ``texts`` says so."""
    ids = [one["id"] for one in finding.examples]
    runs = {row.correlation_id: row for row in Run.objects.filter(tenant_id=str(finding.tenant_id), pk__in=ids)}
    samples = {row.run_id: row for row in LiveSample.objects.for_tenant(finding.tenant_id).filter(run_id__in=ids)}
    return [_shown(one, runs.get(one["id"]), samples.get(one["id"]), texts=texts) for one in finding.examples]


def _shown(plain: Mapping[str, object], run: Run | None, sample: LiveSample | None, *, texts: bool) -> ShownExample:
    of = run or sample
    return ShownExample(
        id=str(plain["id"]),
        score=float(str(plain["score"])),
        value=str(plain.get("value", "")),
        at=run.started_at if run else sample.at if sample else None,
        route=(of.route or "") if of else "",
        model=(of.model or "") if of else "",
        input_text=(sample.input_text or "")[:MOST_TEXT] if sample and texts else "",
        output_text=(sample.output_text or "")[:MOST_TEXT] if sample and texts else "",
        kept=run is not None,
    )


def key_names(monitor: DriftMonitor, segments: Iterable[str]) -> dict[str, str]:
    """Names of API keys by id, where they tell segments apart or are asked for."""
    wanted = {*(segments if monitor.segment_by == "key" else ()), monitor.key_id} - {""}
    if not wanted:
        return {}
    keys = ApiKey.objects.for_tenant(monitor.tenant_id)
    return {str(pk): name for pk, name in keys.values_list("pk", "name") if str(pk) in wanted}
