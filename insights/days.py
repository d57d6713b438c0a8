"""What calls of each day came to: read from the ledger and the calls' events, and kept once the day is over.

A call asks the same as another where the digests of their bodies are the same (``llm.request.started``). One that is
asked again by the same key and user within :data:`AGAIN` was answered in vain: it counts, not the one that follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from insights.engine.days import DayFigures, OutputSum, RepeatSum, WasteSum
from insights.figures import Period
from insights.models import DayOfCalls
from tenants.models import Tenant

AGAIN: Final = timedelta(minutes=10)
LONGEST_CALL: Final = timedelta(hours=1)
SETTLED: Final = timedelta(hours=3)
"""After its end, events of a day hardly arrive any more."""
BACK_DAYS: Final = 30
OWN: Final = ("evaluation", "judge", "root_cause")
"""Values of the tag ``source`` of calls that the product makes: it may ask the same again on purpose."""

_CALLS: Final = """
WITH started AS MATERIALIZED (
    SELECT e.correlation_id, e.payload ->> 'request_digest' AS digest,
        (e.payload ->> 'max_output_tokens')::bigint AS asked
    FROM events_event e
    WHERE e.tenant_id = %(tenant)s AND e.event_type = 'llm.request.started'
        AND e.occurred_at >= %(start)s - %(longest)s AND e.occurred_at < %(after)s
), hedged AS MATERIALIZED (
    SELECT DISTINCT e.correlation_id FROM events_event e
    WHERE e.tenant_id = %(tenant)s AND e.event_type = 'llm.attempt.cancelled' AND e.payload ->> 'reason' = 'hedge_lost'
        AND e.occurred_at >= %(start)s - %(longest)s AND e.occurred_at < %(after)s
), calls AS (
    SELECT u.occurred_at, COALESCE(u.route, '') AS route, COALESCE(u.model, '') AS model, u.status, u.error_code,
        u.cost_nanousd, u.cached_answer, u.retries, u.output_tokens, NULLIF(s.digest, '') AS digest, s.asked,
        h.correlation_id IS NOT NULL AS hedged,
        COALESCE(u.tags ->> 'source', '') = ANY(%(own)s) AS own,
        lead(u.occurred_at) OVER (
            PARTITION BY u.key_id, COALESCE(u.end_user, ''), COALESCE(NULLIF(s.digest, ''), u.correlation_id)
            ORDER BY u.occurred_at, u.event_id
        ) AS again_at,
        row_number() OVER (
            PARTITION BY u.route, COALESCE(NULLIF(s.digest, ''), u.correlation_id)
            ORDER BY u.occurred_at, u.event_id
        ) AS place
    FROM events_usage u
    LEFT JOIN started s ON s.correlation_id = u.correlation_id
    LEFT JOIN hedged h ON h.correlation_id = u.correlation_id
    WHERE u.tenant_id = %(tenant)s AND u.occurred_at >= %(start)s AND u.occurred_at < %(after)s
), day AS MATERIALIZED (
    SELECT c.*, CASE
        WHEN c.status = 'failed' AND c.error_code = 'CONTENT_BLOCKED' THEN 'blocked'
        WHEN c.status = 'failed' THEN 'failed'
        WHEN c.digest IS NOT NULL AND NOT c.own AND NOT c.cached_answer AND c.again_at <= c.occurred_at + %(again)s
            THEN 'regenerated'
        WHEN c.hedged THEN 'hedged' END AS waste
    FROM calls c WHERE c.occurred_at < %(end)s
)
SELECT 'all', '', '', count(*), COALESCE(sum(cost_nanousd), 0)::bigint, count(*) FILTER (WHERE digest IS NOT NULL),
    count(*) FILTER (WHERE retries > 0 AND status = 'completed') FROM day
UNION ALL
SELECT waste, route, model, count(*), COALESCE(sum(cost_nanousd), 0)::bigint,
    count(*) FILTER (WHERE cost_nanousd IS NULL), 0 FROM day WHERE waste IS NOT NULL GROUP BY 1, 2, 3
UNION ALL
SELECT 'repeat', route, '', count(*), COALESCE(sum(cost_nanousd) FILTER (WHERE NOT cached_answer), 0)::bigint,
    count(*) FILTER (WHERE cached_answer), 0
FROM day WHERE digest IS NOT NULL AND place > 1 AND status = 'completed' AND NOT own AND route <> '' GROUP BY 2
UNION ALL
SELECT 'output', route, '', count(*), sum(asked)::bigint, sum(output_tokens)::bigint,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY output_tokens)
FROM day WHERE asked IS NOT NULL AND status = 'completed' AND NOT cached_answer AND NOT own AND route <> '' GROUP BY 2
ORDER BY 1, 2, 3
"""


def days_of(tenant: Tenant, period: Period) -> list[tuple[date, DayFigures]]:
    """Of each day in the tenant's zone that the period touches, in order; those of today as they are so far.

    Days that are not kept yet are worked out, and not kept: reading writes nothing.
    """
    zone = ZoneInfo(tenant.time_zone)
    first, last = (moment.astimezone(zone).date() for moment in (period.start, period.end - timedelta(microseconds=1)))
    wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    kept = _kept(tenant, wanted)
    whole = {day for day in wanted if _bounds(day, zone)[0] >= period.start and _bounds(day, zone)[1] <= period.end}
    found = []
    for day in wanted:
        if day in kept and day in whole:
            found.append((day, kept[day]))
            continue
        start, end = _bounds(day, zone)
        found.append((day, figures_of(tenant, max(start, period.start), min(end, period.end))))
    return found


def keep_days(*, now: datetime | None = None) -> int:
    """Work out the days that are over, of every tenant that had calls; how many were kept. Done twice does nothing."""
    now = now or timezone.now()
    done = 0
    with across_tenants("days of all tenants are kept in one go"):
        tenants = list(Tenant.objects.filter(active=True).order_by("pk"))
    for tenant in tenants:
        zone = ZoneInfo(tenant.time_zone)
        today = now.astimezone(zone).date()
        wanted = [today - timedelta(days=number) for number in range(1, BACK_DAYS + 1)]
        kept = _kept(tenant, wanted)
        for day in wanted:
            start, end = _bounds(day, zone)
            if day not in kept and end + SETTLED <= now:
                done += _keep(tenant, day, figures_of(tenant, start, end))
    return done


def _keep(tenant: Tenant, day: date, figures: DayFigures) -> int:
    plain: dict[str, Any] = msgspec.to_builtins(figures)
    _row, created = DayOfCalls.objects.for_tenant(tenant).update_or_create(
        tenant=tenant,
        day=day,
        defaults={"figures": plain, "time_zone": tenant.time_zone, "computed_at": timezone.now()},
    )
    return int(created)


def _kept(tenant: Tenant, wanted: Iterable[date]) -> dict[date, DayFigures]:
    """In another zone a day is another one."""
    rows = DayOfCalls.objects.for_tenant(tenant).filter(day__in=list(wanted), time_zone=tenant.time_zone)
    return {row.day: msgspec.convert(row.figures, DayFigures) for row in rows if row.figures.get("version") == 1}


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start, end = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return start, end


def figures_of(tenant: Tenant, start: datetime, end: datetime) -> DayFigures:
    """Of the calls that ended between."""
    given: dict[str, Any] = {
        "tenant": str(tenant.pk),
        "start": start,
        "end": end,
        "after": end + AGAIN,
        "again": AGAIN,
        "longest": LONGEST_CALL,
        "own": list(OWN),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CALLS, given)
        rows = cursor.fetchall()
    return _figures(rows)


def _figures(rows: Iterable[tuple[Any, ...]]) -> DayFigures:
    calls = nanousd = told = retried = 0
    wastes: list[WasteSum] = []
    repeats: list[RepeatSum] = []
    outputs: list[OutputSum] = []
    for kind, route, model, count, money, more, last in rows:
        if kind == "all":
            calls, nanousd, told, retried = count, money, more, last
        elif kind == "repeat":
            repeats.append(RepeatSum(route, count, money, more))
        elif kind == "output":
            outputs.append(OutputSum(route, count, money, more, last))
        else:
            wastes.append(WasteSum(kind, route, model, count, money, more))
    return DayFigures(
        calls=calls, nanousd=nanousd, wastes=wastes, repeats=repeats, outputs=outputs, told=told, retried=retried
    )
