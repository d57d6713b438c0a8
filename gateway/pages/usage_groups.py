"""Sums by group: the rows of the table, the ones that the chart shows, and the chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from django.utils import timezone

from console.charts import COLOURS, Chart, Series
from contracts.budgets import BudgetWindow
from contracts.usage import UsageFigures, UsagePage, UsageQuery
from events.ledger.analytics import usage
from events.ledger.courses import courses
from gateway.pages.usage_scope import UsageScope

Measure = Callable[[UsageFigures], int]

MEASURES: Final[dict[str, tuple[str, str, Measure]]] = {
    "cost": ("Cost", "money", lambda figures: figures.cost_nanousd),
    "requests": ("Requests", "number", lambda figures: figures.requests),
    "tokens": ("Tokens", "tokens", lambda figures: figures.input_tokens + figures.output_tokens),
    "errors": ("Errors", "number", lambda figures: figures.errors),
}
"""Key → label, unit and figure."""
SHOWN: Final = 7
"""Groups with a colour of their own; all others are one."""
OTHERS_COLOUR: Final = "slate"
MOST_POINTS: Final = 3_000
"""Rows of a chart that are asked for at once; for more, the groups that it shows are asked for alone."""


@dataclass(frozen=True, slots=True)
class Group:
    """The calls of one model, key and so on; ``value`` is None for those that had none."""

    value: str | None
    label: str
    figures: UsageFigures
    url: str = ""
    colour: str = OTHERS_COLOUR
    share: float = 0.0
    """Of the measure's sum."""

    @property
    def width(self) -> float:
        """Of its share's bar, in percent."""
        return round(self.share * 100, 2)

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.figures.input_tokens + self.figures.output_tokens

    @property
    def error_share(self) -> float | None:
        """Of its calls."""
        return self.figures.errors / self.figures.requests if self.figures.requests else None

    @property
    def cost_per_call(self) -> int | None:
        """Nano-dollars; of the calls whose price is known."""
        return cost_per_call(self.figures)


def cost_per_call(figures: UsageFigures) -> int | None:
    """Nano-dollars, of the calls whose price is known; None without any."""
    priced = figures.requests - figures.price_unknown
    return figures.cost_nanousd // priced if priced else None


def ranked(
    figures: Mapping[str | None, UsageFigures],
    total: UsageFigures,
    measure: str,
    label: Callable[[str | None], str],
    url: Callable[[str], str],
) -> list[Group]:
    """Largest first, the first ones with the colours of the chart."""
    of = MEASURES[measure][2]
    whole = of(total)
    ordered = sorted(figures.items(), key=lambda item: (-of(item[1]), item[0] or ""))
    return [
        Group(
            value=value,
            label=label(value),
            figures=sums,
            url=url(value) if value is not None else "",
            colour=COLOURS[place] if place < SHOWN else OTHERS_COLOUR,
            share=of(sums) / whole if whole else 0.0,
        )
        for place, (value, sums) in enumerate(ordered)
    ]


def stacked(
    title: str,
    scope: UsageScope,
    groups: Sequence[Group],
    measure: str,
    over_time: Mapping[str | None, Mapping[int, UsageFigures]],
    totals: Mapping[int, UsageFigures],
) -> Chart:
    """Bars of the largest groups, and of all others together; both mappings by the start of each bar."""
    label, unit, of = MEASURES[measure]
    starts = [bucket.start_ms for bucket in scope.cut]
    shown = [group for group in groups[:SHOWN] if group.value in over_time and of(group.figures)]
    nothing = UsageFigures()
    lines = [
        Series(group.label, [of(over_time[group.value].get(at, nothing)) for at in starts], group.colour)
        for group in shown
    ]
    rest = [
        of(totals.get(at, nothing)) - sum(line.values[place] or 0 for line in lines) for place, at in enumerate(starts)
    ]
    if any(rest) or not lines:
        lines.append(Series("Others" if lines else label, rest, OTHERS_COLOUR if lines else COLOURS[0]))
    times, moved = shown_times(scope, starts)
    return Chart(title, times, lines, kind="bars", unit=unit, height=280, zoom=not moved)


def shown_times(scope: UsageScope, starts: Sequence[int]) -> tuple[list[datetime], bool]:
    """Where the bars are drawn, and whether they had to be moved.

    Charts tell times in the viewer's zone. A day of the tenant's is to stand at the same day of the viewer's.
    """
    times = [datetime.fromtimestamp(at / 1000, UTC) for at in starts]
    if scope.window is BudgetWindow.HOUR:
        return times, False
    zone, viewers = ZoneInfo(scope.time_zone), timezone.get_current_timezone()
    moved = [time.astimezone(zone).replace(tzinfo=viewers) for time in times]
    return moved, moved != times


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A tenant's sums by group."""

    groups: dict[str | None, UsageFigures]
    total: UsageFigures
    complete: bool
    """Whether all groups were read; the total is of all in any case."""


def breakdown(query: UsageQuery, scope: UsageScope) -> Breakdown:
    """One row per group.

    Raises:
        InvalidRequest: no rollup has both what is grouped by and what is filtered by.
    """
    page = usage(msgspec.structs.replace(query, **scope.grouping))
    return Breakdown({row.group[0]: row.figures for row in page.rows}, page.total, page.next_cursor is None)


def over_time(
    query: UsageQuery, scope: UsageScope, groups: Sequence[Group]
) -> tuple[dict[str | None, dict[int, UsageFigures]], dict[int, UsageFigures]]:
    """The sums of each bar, of the groups that a chart shows and of everything.

    Raises:
        InvalidRequest: see :func:`breakdown`.
    """
    timed = msgspec.structs.replace(query, window=scope.window)
    totals = _by_start(usage(timed))
    if len(groups) * len(scope.cut) <= MOST_POINTS:
        found: dict[str | None, dict[int, UsageFigures]] = {}
        for row in usage(msgspec.structs.replace(timed, **scope.grouping)).rows:
            found.setdefault(row.group[0], {})[row.start_ms] = row.figures
        return found, totals
    shown = [group.value for group in groups[:SHOWN] if group.value is not None]
    by_group = msgspec.structs.replace(timed, **scope.grouping)
    return dict(courses(by_group, shown).items()), totals


def _by_start(page: UsagePage) -> dict[int, UsageFigures]:
    return {row.start_ms: row.figures for row in page.rows}
