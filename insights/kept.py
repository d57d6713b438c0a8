"""Sums of calls that are kept, and which of them still hold.

A row holds while the ledger's rollups know of as many calls in its stretch, and in the quarter of an hour after it, as
it was worked out from: a call that arrives late makes it stale by itself, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from django.db import connection
from django.utils import timezone

from events.ledger.grains import QUARTER_MS, Grain
from events.ledger.margins import Margin
from insights.counting import Counted
from insights.engine.days import DayFigures, together
from insights.models import KeptCalls
from tenants.models import Tenant

GRAINS: Final = (Grain.DAY, Grain.HOUR, Grain.QUARTER)
QUARTER: Final = timedelta(milliseconds=QUARTER_MS)

_CALLS: Final = f"""
SELECT m.start, m.requests FROM events_usage_margin m
WHERE m.tenant_id = %(margin)s AND m.kind = {Margin.ALL.value} AND m.grain = %(grain)s AND m.part = ''
    AND m.start = ANY(%(starts)s) AND m.requests > 0 ORDER BY 1
"""  # noqa: S608 - constants
_KEPT: Final = f"""
SELECT m.start, m.requests, CASE WHEN k.following = COALESCE((
        SELECT f.requests FROM events_usage_margin f
        WHERE f.tenant_id = %(margin)s AND f.kind = {Margin.ALL.value} AND f.grain = {Grain.QUARTER.value}
            AND f.part = '' AND f.start = m.start + %(width)s), 0) THEN k.figures::text END
FROM events_usage_margin m
LEFT JOIN insights_keptcalls k ON k.tenant_id = %(tenant)s AND k.grain = %(grain)s AND k.start = m.start
    AND k.calls = m.requests AND k.start = ANY(%(starts)s)
WHERE m.tenant_id = %(margin)s AND m.kind = {Margin.ALL.value} AND m.grain = %(grain)s AND m.part = ''
    AND m.start = ANY(%(starts)s) AND m.requests > 0 ORDER BY 1
"""  # noqa: S608 - constants
_decoder = msgspec.json.Decoder(DayFigures)


class Stretch(NamedTuple):
    """One that had calls; ``figures`` are None where nothing is kept that holds."""

    start: datetime
    calls: int
    figures: DayFigures | None


def stretches(tenant: Tenant, grain: Grain, starts: Sequence[datetime]) -> list[Stretch]:
    """Of those that begin then, the ones with calls, in order."""
    if not starts:
        return []
    given = _given(tenant, grain, starts) | {"tenant": tenant.pk, "width": timedelta(milliseconds=grain.width_ms)}
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, given)
        rows = cursor.fetchall()
    return [Stretch(start, calls, None if found is None else _decoder.decode(found)) for start, calls, found in rows]


def calls_of_quarters(tenant: Tenant, first: datetime, last: datetime) -> dict[datetime, int]:
    """How many calls the ledger knows of in each quarter of an hour from ``first`` to ``last``, both included."""
    number = round((last - first) / QUARTER)
    starts = [first + QUARTER * place for place in range(number + 1)]
    with connection.cursor() as cursor:
        cursor.execute(_CALLS, _given(tenant, Grain.QUARTER, starts))
        return dict(cursor.fetchall())


def _given(tenant: Tenant, grain: Grain, starts: Sequence[datetime]) -> dict[str, Any]:
    return {"margin": str(tenant.pk), "grain": grain.value, "starts": list(starts)}


def keep(
    tenant: Tenant,
    grains: Iterable[Grain],
    first: datetime,
    end: datetime,
    counted: Counted,
    calls: dict[datetime, int],
) -> None:
    """Keep what was counted from ``first`` to ``end``, in rows of these grains that lie within.

    ``calls`` are those of its quarters and of the one that follows, as of the same snapshot.
    """
    now = timezone.now()
    rows = []
    for grain in grains:
        width = timedelta(milliseconds=grain.width_ms)
        start = ceil(first, grain)
        while start + width <= end:
            known = sum(calls.get(each, 0) for each in _quarters(start, width))
            if known:
                rows.append(
                    KeptCalls(
                        tenant=tenant,
                        grain=grain.value,
                        start=start,
                        calls=known,
                        following=calls.get(start + width, 0),
                        figures=msgspec.to_builtins(_figures(counted, grain, start, width)),
                        computed_at=now,
                    )
                )
            start += width
    KeptCalls.objects.for_tenant(tenant).bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "grain", "start"],
        update_fields=["calls", "following", "figures", "computed_at"],
    )


def _figures(counted: Counted, grain: Grain, start: datetime, width: timedelta) -> DayFigures:
    found = together(counted.quarters[each] for each in _quarters(start, width) if each in counted.quarters)
    if grain is Grain.DAY:
        # What repeats within a day, and its percentiles, are no sums of those of its hours.
        return msgspec.structs.replace(found, repeats=counted.repeats, outputs=counted.outputs)
    return found


def _quarters(start: datetime, width: timedelta) -> list[datetime]:
    return [start + QUARTER * place for place in range(width // QUARTER)]


def floor(moment: datetime, grain: Grain) -> datetime:
    """When the stretch of this grain began that the moment lies in."""
    ms = milliseconds(moment)
    return instant(ms - ms % grain.width_ms)


def ceil(moment: datetime, grain: Grain) -> datetime:
    """The first beginning of a stretch of this grain at the moment or after it."""
    found = floor(moment, grain)
    return found if found == moment else found + timedelta(milliseconds=grain.width_ms)


def milliseconds(moment: datetime) -> int:
    """Unix time, rounded down."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def instant(ms: int) -> datetime:
    """In UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)
