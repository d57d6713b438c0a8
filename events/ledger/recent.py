"""What was used in the last seconds or minutes, call by call: for when the shared counters cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

LONGEST_S = 3_600
"""Longer stretches would be too many rows: ask :mod:`events.ledger.totals`."""


class Used(NamedTuple):
    """Calls that ended, and their tokens."""

    requests: int
    tokens: int


class Since(NamedTuple):
    """Whose calls of the last ``seconds``; ``level`` is ``tenant``, ``team``, ``key`` or ``user``."""

    tenant_id: str
    level: str
    subject: str
    seconds: int


def recent(asked: Sequence[Since]) -> list[Used]:
    """Parallel to what is asked, in one query. Stretches are cut to :data:`LONGEST_S`."""
    if not asked:
        return []
    parameters: dict[str, Any] = {
        "numbers": list(range(len(asked))),
        "tenants": [one.tenant_id for one in asked],
        "levels": [one.level for one in asked],
        "subjects": [one.subject for one in asked],
        "seconds": [min(one.seconds, LONGEST_S) for one in asked],
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, parameters)
        found = {number: Used(int(calls), int(tokens)) for number, calls, tokens in cursor.fetchall()}
    return [found.get(number, Used(0, 0)) for number in range(len(asked))]


_STATEMENT = """
SELECT a.number, count(*), sum(u.input_tokens + u.output_tokens)
FROM unnest(%(numbers)s::int[], %(tenants)s::text[], %(levels)s::text[], %(subjects)s::text[], %(seconds)s::int[])
    AS a (number, tenant_id, level, subject, seconds)
JOIN events_usage u ON u.tenant_id = a.tenant_id COLLATE "C"
    AND u.occurred_at > now() - make_interval(secs => a.seconds)
    AND CASE a.level WHEN 'team' THEN u.team_id WHEN 'key' THEN u.key_id WHEN 'user' THEN u.end_user ELSE a.subject END
        = a.subject COLLATE "C"
GROUP BY a.number
"""
