"""What calls of each day came to: kept sums, and counted where nothing is kept that holds.

Days are those of the tenant's zone, put together from stretches that are kept by UTC; so a change of the zone loses
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone

from events.ledger.grains import Grain, pieces
from events.ledger.reading import one_snapshot
from insights.counting import counted
from insights.engine.days import DayFigures, together
from insights.figures import Period
from insights.kept import GRAINS, QUARTER, Stretch, ceil, floor, instant, milliseconds, stretches
from tenants.models import Tenant

AT_ONCE: Final = 2_000
"""Calls that a page counts while somebody waits: a tenth of a second on a slow machine."""
DAY: Final = timedelta(days=1)
MOST_COUNTS: Final = 4
"""How many stretches of them: each is a query over the partitions of three tables."""


class Days(NamedTuple):
    """Of a period."""

    days: list[tuple[date, DayFigures]]
    """Of each day that the period touches, in order; those at its edges as far as it reaches."""
    left_out: int
    """Calls that are not kept yet, and were too many to count at once; they are in none of the days."""

    @property
    def figures(self) -> list[DayFigures]:
        """Of each day."""
        return [one for _, one in self.days]


class Span(NamedTuple):
    """From ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime


Found = list[tuple[Grain, Stretch]]


def days_of(tenant: Tenant, period: Period, *, at_once: int | None = AT_ONCE) -> Days:
    """Of each day in the tenant's zone that the period touches; those of today as they are so far.

    What is not kept is counted, and not kept: reading writes nothing. Of that, the youngest ``at_once`` calls at most;
    with None all, for those who can wait.
    """
    with one_snapshot():
        found, left_out = affordable(_found(tenant, period), at_once)
        kept = [(one.start, one.figures) for _, one in found if one.figures is not None]
        for span in joined(found):
            start, end = max(span.start, period.start), min(span.end, period.end)
            kept += counted(tenant, start, end).quarters.items()
    zone = ZoneInfo(tenant.time_zone)
    first = period.start.astimezone(zone).date()
    last = (period.end - timedelta(microseconds=1)).astimezone(zone).date()
    parts: dict[date, list[DayFigures]] = {
        first + timedelta(days=number): [] for number in range((last - first).days + 1)
    }
    for start, figures in kept:
        parts[max(start, period.start).astimezone(zone).date()].append(figures)
    return Days([(day, together(found)) for day, found in parts.items()], left_out)


def _found(tenant: Tenant, period: Period) -> Found:
    """What is kept and what is missing, in order; of missing hours and days their quarters."""
    found: Found = []
    wanted = _pieces(tenant, period)
    for grain in (Grain.DAY, Grain.HOUR):
        for one in stretches(tenant, grain, wanted[grain]):
            if one.figures is not None:
                found.append((grain, one))
            else:
                wanted[Grain.QUARTER] += quarters_of(one.start, grain)
    # Of a quarter at the period's ends nothing is kept that is only of the part within.
    edges = {floor(moment, Grain.QUARTER) for moment in period if floor(moment, Grain.QUARTER) != moment}
    for one in stretches(tenant, Grain.QUARTER, sorted({*wanted[Grain.QUARTER], *edges})):
        found.append((Grain.QUARTER, one._replace(figures=None) if one.start in edges else one))
    return sorted(found, key=lambda each: each[1].start)


def affordable(found: Found, at_once: int | None) -> tuple[Found, int]:
    """The same with as many of the youngest missing calls left to be counted; the others are taken for nothing."""
    left_out, spans, fitting = 0, 0, []
    open_span = False
    for grain, one in reversed(found):
        missing = one.figures is None
        if missing and at_once is not None:
            spans += not open_span
            if one.calls > at_once or spans > MOST_COUNTS:
                left_out, at_once, missing = left_out + one.calls, 0, False
                one = one._replace(figures=DayFigures())
            else:
                at_once -= one.calls
        open_span = missing
        fitting.append((grain, one))
    return fitting[::-1], left_out


def joined(found: Iterable[tuple[Grain, Stretch]]) -> list[Span]:
    """What is missing, neighbours taken together: what lies between two of them had no calls."""
    spans: list[Span] = []
    open_span = False
    for grain, one in found:
        missing = one.figures is None
        if missing:
            end = one.start + timedelta(milliseconds=grain.width_ms)
            spans.append(Span(spans.pop().start if open_span else one.start, end))
        open_span = missing
    return spans


def _pieces(tenant: Tenant, period: Period) -> dict[Grain, list[datetime]]:
    """The period's whole quarters of an hour in as few stretches as possible, none of which crosses a midnight."""
    zone = ZoneInfo(tenant.time_zone)
    found: dict[Grain, list[datetime]] = {grain: [] for grain in GRAINS}
    start, last = ceil(period.start, Grain.QUARTER), floor(period.end, Grain.QUARTER)
    while start < last:
        day = start.astimezone(zone).date()
        end = min(last, ceil(datetime.combine(day + timedelta(days=1), time(), zone), Grain.QUARTER))
        for piece in pieces(milliseconds(start), milliseconds(end), GRAINS):
            found[piece.grain] += [instant(ms) for ms in range(piece.start_ms, piece.end_ms, piece.grain.width_ms)]
        start = end
    return found


def quarters_of(start: datetime, grain: Grain) -> list[datetime]:
    """When each of its quarters of an hour begins."""
    return [start + QUARTER * place for place in range(timedelta(milliseconds=grain.width_ms) // QUARTER)]


def last_30_days(tenant: Tenant, now: datetime | None = None) -> Period:
    """Whole days in the tenant's zone, and today so far."""
    here = (now or timezone.now()).astimezone(ZoneInfo(tenant.time_zone))
    today = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(today - timedelta(days=29), here)


class WholeDays(NamedTuple):
    """Those by UTC that lie wholly in a period, and of which it is known what was asked."""

    figures: list[DayFigures]
    number: int
    """Also counts days without calls."""


def whole_days(tenant: Tenant, period: Period, *, at_once: int | None = AT_ONCE) -> WholeDays:
    """With what repeats and what output was asked for; what is not kept is counted as in :func:`days_of`."""
    start, end = ceil(period.start, Grain.DAY), floor(period.end, Grain.DAY)
    number = max(0, (end - start) // DAY)
    with one_snapshot():
        rows = stretches(tenant, Grain.DAY, [start + DAY * place for place in range(number)])
        found = []
        for _, one in affordable([(Grain.DAY, row) for row in rows], at_once)[0]:
            figures = one.figures
            if figures is None:
                _, repeats, outputs = counted(tenant, one.start, one.start + DAY, asked=True)
                figures = DayFigures(calls=one.calls, repeats=repeats, outputs=outputs)
            found.append(figures)
    known = [one for one in found if one.calls]
    return WholeDays(known, number - (len(found) - len(known)))
