"""What calls came to, by quarters of an hour: counted from the ledger and the calls' events.

A call asks the same as another where the digests of their bodies are the same (``llm.request.started``). One that is
asked again by the same key and user within :data:`AGAIN` was answered in vain: it counts, not the one that follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from insights.engine.days import DayFigures, OutputSum, RepeatSum, WasteSum
from tenants.models import Tenant

AGAIN: Final = timedelta(minutes=10)
LONGEST_CALL: Final = timedelta(hours=1)
OWN: Final = ("evaluation", "judge", "root_cause")
"""Values of the tag ``source`` of calls that the product makes: it may ask the same again on purpose."""

_CALLS: Final = """
WITH told AS MATERIALIZED (
    SELECT e.correlation_id, e.event_type = 'llm.attempt.cancelled' AS cancelled, e.payload
    FROM events_event e
    WHERE e.tenant_id = %(tenant)s AND e.event_type IN ('llm.request.started', 'llm.attempt.cancelled')
        AND e.occurred_at >= %(before)s AND e.occurred_at < %(after)s
), started AS MATERIALIZED (
    SELECT t.correlation_id, t.payload ->> 'request_digest' AS digest,
        (t.payload ->> 'max_output_tokens')::bigint AS asked
    FROM told t WHERE NOT t.cancelled
), hedged AS MATERIALIZED (
    SELECT DISTINCT t.correlation_id FROM told t WHERE t.cancelled AND t.payload ->> 'reason' = 'hedge_lost'
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
), counted AS MATERIALIZED (
    SELECT c.*, date_bin('15 minutes', c.occurred_at, timestamptz '2000-01-01 00:00Z') AS quarter,
        CASE
        WHEN c.status = 'failed' AND c.error_code = 'CONTENT_BLOCKED' THEN 'blocked'
        WHEN c.status = 'failed' THEN 'failed'
        WHEN c.digest IS NOT NULL AND NOT c.own AND NOT c.cached_answer AND c.again_at <= c.occurred_at + %(again)s
            THEN 'regenerated'
        WHEN c.hedged THEN 'hedged' END AS waste
    FROM calls c WHERE c.occurred_at < %(end)s
)
SELECT quarter, 'all', '', '', count(*), COALESCE(sum(cost_nanousd), 0)::bigint,
    count(*) FILTER (WHERE digest IS NOT NULL), count(*) FILTER (WHERE retries > 0 AND status = 'completed')
FROM counted GROUP BY 1
UNION ALL
SELECT quarter, waste, route, model, count(*), COALESCE(sum(cost_nanousd), 0)::bigint,
    count(*) FILTER (WHERE cost_nanousd IS NULL), 0
FROM counted WHERE waste IS NOT NULL GROUP BY 1, 2, 3, 4
"""
_ASKED: Final = """
UNION ALL
SELECT NULL, 'repeat', route, '', count(*), COALESCE(sum(cost_nanousd) FILTER (WHERE NOT cached_answer), 0)::bigint,
    count(*) FILTER (WHERE cached_answer), 0
FROM counted WHERE digest IS NOT NULL AND place > 1 AND status = 'completed' AND NOT own AND route <> '' GROUP BY 3
UNION ALL
SELECT NULL, 'output', route, '', count(*), sum(asked)::bigint, sum(output_tokens)::bigint,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY output_tokens)
FROM counted WHERE asked IS NOT NULL AND status = 'completed' AND NOT cached_answer AND NOT own AND route <> ''
GROUP BY 3
"""
_ORDER: Final = "ORDER BY 1, 2, 3, 4"


class Counted(NamedTuple):
    """Of one stretch of time."""

    quarters: dict[datetime, DayFigures]
    """By when each began; those without calls are left out."""
    repeats: list[RepeatSum]
    outputs: list[OutputSum]


def counted(tenant: Tenant, start: datetime, end: datetime, *, asked: bool = False) -> Counted:
    """The calls that ended between; what they asked, and asked for, only where ``asked``."""
    given: dict[str, Any] = {
        "tenant": str(tenant.pk),
        "before": start - LONGEST_CALL,
        "start": start,
        "end": end,
        "after": end + AGAIN,
        "again": AGAIN,
        "own": list(OWN),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CALLS + (_ASKED if asked else "") + _ORDER, given)
        return _counted(cursor.fetchall())


def _counted(rows: Iterable[tuple[Any, ...]]) -> Counted:
    found = Counted({}, [], [])
    wastes: dict[datetime, list[WasteSum]] = {}
    totals: list[tuple[Any, ...]] = []
    for row in rows:
        quarter, kind, route, model, count, money, more, last = row
        if kind == "all":
            totals.append(row)
        elif kind == "repeat":
            found.repeats.append(RepeatSum(route, count, money, more))
        elif kind == "output":
            found.outputs.append(OutputSum(route, count, money, more, last))
        else:
            wastes.setdefault(quarter, []).append(WasteSum(kind, route, model, count, money, more))
    for quarter, _, _, _, calls, money, told, retried in totals:
        found.quarters[quarter] = DayFigures(
            calls=calls, nanousd=money, wastes=wastes.get(quarter, []), told=told, retried=retried
        )
    return found
