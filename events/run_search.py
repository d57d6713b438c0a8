"""Finding runs among millions, newest first, in bounded time.

No index fits every filter, so runs are looked through in windows of growing numbers of rows along the index by time,
until a page is full, the range ends, or patience does. What was not looked at is told, never left out silently.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, DateTimeField, DurationField, Exists, F, Func, OuterRef, Q, QuerySet, Value

from events.models import EventRecord, Run, RunState
from events.selectors import MAX_RUN_DURATION

Runs = QuerySet[Run]
Narrow = Callable[[Runs, datetime, datetime], Runs]
"""From the runs of a window, and its two ends, to those that are wanted."""

FIRST_WINDOW: Final = 2_000
SMALLEST_WINDOW: Final = 500
LARGEST_WINDOW: Final = 32_000
_QUICK_S: Final = 0.03
"""A window that took less is followed by one of four times as many rows, one that took three times as long by a
smaller one: how much a row costs depends on what is looked for."""
_GROWTH: Final = 4
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Between two runs: those after it began earlier, or at the same instant with a smaller id."""

    started_at: datetime
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """One page of runs."""

    runs: list[Run]
    after: Place | None
    """Where to go on; None at the end of the range."""
    looked_back_to: datetime | None
    """Set where patience ended before the page was full: nothing before it has been looked at."""


@dataclass(frozen=True, slots=True)
class CountedRuns:
    """Runs by time and outcome."""

    counts: dict[tuple[datetime, int], int]
    """(start of the step, :class:`RunState`) → runs."""
    since: datetime
    """Counted from here on; later than the range's start where patience ended before it."""


def find_runs(
    runs: Runs,
    narrow: Narrow | None,
    *,
    start: datetime,
    end: datetime,
    after: Place | None = None,
    size: int = 50,
    patience_s: float = 0.15,
) -> FoundRuns:
    """The newest ``size`` of the wanted runs that began in the range, behind ``after``.

    ``runs`` are those that an index narrows down (all, or a tenant's); ``narrow`` says which are wanted, None for all.
    """
    until = time.monotonic() + patience_s
    found: list[Run] = []
    top = end if after is None else min(end, after.started_at + _TICK)
    for low in _windows(runs, start, top, narrowed=narrow is not None):
        window = runs.filter(started_at__gte=low, started_at__lt=top)
        if after is not None:
            place = Q(started_at=after.started_at, correlation_id__lt=after.correlation_id)
            window = window.filter(Q(started_at__lt=after.started_at) | place)
        wanted = window if narrow is None else narrow(window, low, top)
        found += wanted.order_by("-started_at", "-correlation_id")[: size + 1 - len(found)]
        if len(found) > size:
            last = found[size - 1]
            return FoundRuns(found[:size], Place(last.started_at, last.correlation_id), None)
        top = low
        if low > start and time.monotonic() > until:
            return FoundRuns(found, Place(low), low)
    return FoundRuns(found, None, None)


def count_runs(
    runs: Runs,
    narrow: Narrow | None,
    *,
    start: datetime,
    end: datetime,
    step: timedelta,
    origin: datetime | None = None,
    patience_s: float = 0.15,
) -> CountedRuns:
    """How many of the wanted runs began in each step of the range, by state, newest first until patience ends.

    Steps begin at ``origin``, by default the range's start.
    """
    until = time.monotonic() + patience_s
    counts: dict[tuple[datetime, int], int] = {}
    top = end
    for low in _windows(runs, start, end, narrowed=True):
        window = runs.filter(started_at__gte=low, started_at__lt=top)
        wanted = window if narrow is None else narrow(window, low, top)
        for at, state, number in (
            wanted.order_by().values_list(_step_of(origin or start, step), "state").annotate(n=Count("pk"))
        ):
            counts[at, state] = counts.get((at, state), 0) + number
        top = low
        if low > start and time.monotonic() > until:
            return CountedRuns(counts, low)
    return CountedRuns(counts, start)


def mentioning(text: str, *, tenant_id: str | None, payloads: bool, start: datetime, end: datetime) -> Q:
    """Runs in whose id, error or (where ``payloads``) stored texts the text is found.

    ``tenant_id`` is whose stored texts, None for all tenants'; ``start`` and ``end`` bound when the runs began.
    """
    found = Q(correlation_id__startswith=text) | Q(error_message__icontains=text) | Q(error_code__iexact=text)
    found |= Q(trace_id=text)
    if payloads:
        found |= Q(Exists(_told_in(text, tenant_id, start, end)))
    return found


def _told_in(text: str, tenant_id: str | None, start: datetime, end: datetime) -> QuerySet[EventRecord]:
    told = EventRecord.objects.filter(
        correlation_id=OuterRef("correlation_id"),
        event_type__in=("llm.request.started", "llm.request.completed", "llm.request.failed"),
        occurred_at__gte=start,
        occurred_at__lt=end + MAX_RUN_DURATION,
    )
    if tenant_id is not None:
        told = told.filter(tenant_id=tenant_id)
    stored = Q(payload__input__icontains=text) | Q(payload__output__icontains=text)
    return told.filter(stored).order_by()


def _step_of(origin: datetime, step: timedelta) -> Func:
    return Func(
        Value(step, output_field=DurationField()),
        F("started_at"),
        Value(origin, output_field=DateTimeField()),
        function="date_bin",
        output_field=DateTimeField(),
    )


def _windows(runs: Runs, start: datetime, top: datetime, *, narrowed: bool) -> Iterator[datetime]:
    """The lower ends of the windows, newest first; the last one is ``start``."""
    if not narrowed or top <= start:
        yield start
        return
    rows = FIRST_WINDOW
    while True:
        inside = runs.filter(started_at__gte=start, started_at__lt=top)
        edge = inside.order_by("-started_at").values_list("started_at", flat=True)[rows : rows + 1].first()
        if edge is None or edge <= start:
            yield start
            return
        began = time.monotonic()
        yield edge
        took = time.monotonic() - began
        if took < _QUICK_S:
            rows = min(rows * _GROWTH, LARGEST_WINDOW)
        elif took > 3 * _QUICK_S:
            rows = max(rows // _GROWTH, SMALLEST_WINDOW)
        top = edge


ENDED_BADLY: Final = (RunState.FAILED, RunState.REJECTED, RunState.LOST)
"""States of calls that were not answered."""
