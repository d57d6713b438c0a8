"""Calls, errors and latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from console import formats
from events.traffic.histogram import added, percentiles_ms
from events.traffic.measures import Kind as Part
from events.traffic.measures import Measured
from events.traffic.reading import Sums, Totals, latencies, sums_by_part, totals
from reports.engine.comparing import Difference, compared
from reports.engine.content import DOWN, Chart, Column, Figure, Line, Section, Table, Todo
from reports.sections.base import Asked, Kind

ERRORS_WORTH_IT: Final = 0.01
"""A share of failed calls below which nobody is sent to look."""
SLOWER_WORTH_IT: Final = 0.1
"""By how much a percentile has to grow, besides more than by chance."""
MOST_REASONS: Final = 5
Histogram = Mapping[int, int]


def read(asked: Asked) -> Section | None:
    """None where there were no calls in either stretch."""
    now, before = asked.stretches
    calls, was = totals(asked.scope, [now, before])
    if not calls.calls.requests and not was.calls.requests:
        return None
    steps, steps_before = asked.steps
    sums = totals(asked.scope, steps), totals(asked.scope, steps_before)
    slow = [_durations(asked.scope, some) for some in asked.steps]
    figures = [_requests(calls, was), *_shares(*sums), *_percentiles(slow[0], slow[1])]
    return Section(
        key="traffic",
        title="Calls, errors and latency",
        summary=_summary(figures),
        figures=figures,
        charts=_charts(asked, sums, slow),
        tables=_reasons(asked),
        todos=_todos(figures),
        page="requests",
    )


def _requests(now: Totals, before: Totals) -> Figure:
    refused = f"{now.refused:,} more were refused before they became calls." if now.refused else ""
    return Figure(label="Calls", value=now.calls.requests, before=before.calls.requests, note=refused)


def _shares(now: Sequence[Totals], before: Sequence[Totals]) -> list[Figure]:
    found = []
    for label, of in (("Failed calls", "errors"), ("Answered by another target", "fallbacks")):
        difference = compared(before, now, _share_of(of), counts=lambda one: bool(one.calls.requests))
        found.append(figure(label, difference, "percent", DOWN))
    return found


def _share_of(name: str) -> Callable[[Sequence[Totals]], float | None]:
    def share(steps: Sequence[Totals]) -> float | None:
        requests = sum(one.calls.requests for one in steps)
        return sum(getattr(one.calls, name) for one in steps) / requests if requests else None

    return share


def _durations(scope: str, steps: Sequence[tuple[int, int]]) -> list[Histogram]:
    return [one[Measured.DURATION] for one in latencies(scope, steps)]  # type: ignore[arg-type]


def _percentiles(now: Sequence[Histogram], before: Sequence[Histogram]) -> list[Figure]:
    found = []
    for label, share in (("Median latency", 0.5), ("95th percentile", 0.95), ("99th percentile", 0.99)):
        difference = compared(before, now, _percentile(share))
        found.append(figure(label, difference, "ms", DOWN))
    return found


def _percentile(share: float) -> Callable[[Sequence[Histogram]], float | None]:
    return lambda steps: percentiles_ms(added(steps), [share])[0]


def figure(label: str, difference: Difference, unit: str, good: str) -> Figure:
    """A difference as a figure."""
    return Figure(
        label=label,
        value=difference.value,
        before=difference.before,
        low=difference.low,
        high=difference.high,
        unit=unit,
        good=good,
    )


def _summary(figures: Sequence[Figure]) -> str:
    calls, errors, _, _, slow, _ = figures
    size = f"{calls.value:,.0f} calls" if calls.value else "No calls"
    grown = "" if calls.growth is None else f", {abs(calls.growth):.0%} {'more' if calls.growth >= 0 else 'fewer'}"
    if errors.value is None:
        return f"{size}{grown}."
    took = f"95 of 100 took at most {formats.duration(slow.value)}"
    return f"{size}{grown}; {formats.percent(errors.value, 2)} failed, {took}."


def _charts(
    asked: Asked, sums: tuple[Sequence[Totals], Sequence[Totals]], slow: Sequence[Sequence[Histogram]]
) -> list[Chart]:
    times = [step.start_s for step in asked.steps[0]]
    calls = [[float(one.calls.requests) for one in some] for some in sums]
    late = [[percentiles_ms(one, [0.95])[0] for one in some] for some in slow]
    errors = [[one.calls.error_rate for one in some] for some in sums]
    word = asked.step_word
    return [
        Chart(title=f"Calls a {word}", times=times, lines=_lines(calls), kind="bars", says=_range(calls[0], "number")),
        Chart(
            title="Failed calls", times=times, lines=_lines(errors), unit="percent", says=_range(errors[0], "percent")
        ),
        Chart(title="95th percentile", times=times, lines=_lines(late), unit="ms", says=_range(late[0], "ms")),
    ]


def _lines(values: Sequence[Sequence[float | None]]) -> list[Line]:
    now, before = values
    lines = [Line("This time", list(now))]
    return [*lines, Line("Before", list(before), pale=True)] if any(before) else lines


def _range(values: Sequence[float | None], unit: str) -> str:
    known = [one for one in values if one is not None]
    if not known:
        return "Nothing was measured."
    form = formats.FORMATS[unit]
    return f"Between {form(min(known))} and {form(max(known))}."


def _reasons(asked: Asked) -> list[Table]:
    now, before = sums_by_part(asked.scope, Part.FAILURE, asked.stretches)
    rows = sorted(now.items(), key=lambda one: -one[1].requests)[:MOST_REASONS]
    if not rows:
        return []
    return [
        Table(
            title="Why calls failed",
            columns=[Column("Reason"), Column("Calls", "number"), Column("Before", "number")],
            rows=[[code, sums.requests, before.get(code, Sums()).requests] for code, sums in rows],
        )
    ]


def _todos(figures: Sequence[Figure]) -> list[Todo]:
    found = []
    errors, slow = figures[1], figures[4]
    if errors.verdict == "worse" and (errors.value or 0) >= ERRORS_WORTH_IT:
        found.append(
            Todo(
                urgency="soon",
                text="Look at the calls that failed.",
                why=f"{formats.percent(errors.value, 2)} failed, {formats.percent(errors.before, 2)} before: "
                "more than chance.",
                page="requests",
            )
        )
    if slow.verdict == "worse" and (slow.growth or 0) >= SLOWER_WORTH_IT:
        found.append(
            Todo(
                urgency="consider",
                text="See which route or model became slower.",
                why=f"The 95th percentile went from {formats.duration(slow.before)} to {formats.duration(slow.value)}.",
                page="usage",
            )
        )
    return found


KIND = Kind("traffic", "Calls, errors and latency", "Against the days before, with what is more than chance.", read)
