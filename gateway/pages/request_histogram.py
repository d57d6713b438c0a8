"""The chart above the explorer: how many of the requests that fit, by outcome over time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from console import formats
from console.charts import Chart, Series
from console.timerange import TimeRange
from events.models import RunState
from events.run_search import CountedRuns, count_runs
from events.traffic.grains import snapped
from events.traffic.measures import Kind
from events.traffic.reading import Stretch, axis, course
from gateway.pages.request_table import RequestTable

BARS = 90
LONG = timedelta(days=2)
"""Longer ranges without filters are summed up from traffic's tables instead of counted."""
_OUTCOMES = (
    ("Completed", "good", (RunState.COMPLETED,)),
    ("Refused", "warn", (RunState.REJECTED,)),
    ("Failed", "bad", (RunState.FAILED, RunState.LOST)),
    ("Running", "blue", (RunState.RUNNING,)),
)
_STEPS_S = (1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Histogram:
    """The chart, and what it could not count in time."""

    chart: Chart
    total: int
    bad: int
    since: datetime | None
    """Set where only what began later was counted."""

    @property
    def bad_share(self) -> float | None:
        """Failed and refused ones of all; None without any."""
        return self.bad / self.total if self.total else None


def histogram(table: RequestTable) -> Histogram:
    """What the table's filters leave, counted within its time range."""
    shown = table.range
    step = timedelta(seconds=_step_s(shown))
    start = _aligned(shown.start, step)
    if not table.valid:
        return _drawn(CountedRuns({}, start), start, shown.end, step, partial=False)
    if table.traffic_scope and shown.length > LONG:
        return _summed(table.traffic_scope, shown, step)
    narrow = table.narrow if table.narrowed else None
    counted = count_runs(table.runs, narrow, start=shown.start, end=shown.end, step=step, origin=start)
    return _drawn(counted, start, shown.end, step, partial=counted.since > shown.start)


def _summed(scope: str, shown: TimeRange, step: timedelta) -> Histogram:
    """From traffic's sums, which are as quick for a month as for a day; calls that still run are not in them."""
    now, offset = timezone.now(), timezone.localtime(shown.start).utcoffset() or timedelta()
    stretch = Stretch(snapped(shown.start, now), int(shown.end.timestamp()) // 60 * 60)
    over = axis(stretch, int(step.total_seconds()), int(offset.total_seconds()))
    found = course(scope, (Kind.ALL, Kind.REFUSAL), over)
    counts: dict[tuple[datetime, int], int] = defaultdict(int)
    for kind, parts in found.items():
        for sums in parts.values():
            for second, one in zip(over.points, sums, strict=True):
                at = datetime.fromtimestamp(second, UTC)
                if kind is Kind.REFUSAL:
                    counts[at, RunState.REJECTED] += one.requests
                else:
                    counts[at, RunState.COMPLETED] += one.requests - one.errors
                    counts[at, RunState.FAILED] += one.errors
    start = datetime.fromtimestamp(over.first_s, UTC)
    return _drawn(CountedRuns(dict(counts), shown.start), start, shown.end, step, partial=False)


def _step_s(shown: TimeRange) -> int:
    wanted = shown.length.total_seconds() / BARS
    return next((step for step in _STEPS_S if step >= wanted), max(_STEPS_S[-1], round(wanted)))


def _aligned(start: datetime, step: timedelta) -> datetime:
    """Bars begin at round times of the viewer's zone."""
    midnight = timezone.localtime(start).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (start - midnight) // step * step


def _drawn(counted: CountedRuns, start: datetime, end: datetime, step: timedelta, *, partial: bool) -> Histogram:
    times = [start + step * number for number in range(max(1, -(-(end - start) // step)))]
    counts = {(at.timestamp(), state): number for (at, state), number in counted.counts.items()}
    series = []
    for label, colour, states in _OUTCOMES:
        values = [
            None
            if partial and at + step <= counted.since
            else sum(counts.get((at.timestamp(), int(state)), 0) for state in states)
            for at in times
        ]
        if any(values) or label == "Completed":
            series.append(Series(label, values, colour))
    total = sum(counted.counts.values())
    bad = sum(number for (_, state), number in counted.counts.items() if state in (1, 2, 4))
    sentence = f"{formats.number(total)} requests, {formats.number(bad)} of them failed or refused."
    chart = Chart("Requests over time", times, series, kind="bars", height=150, summary=sentence)
    return Histogram(chart, total, bad, counted.since if partial else None)
