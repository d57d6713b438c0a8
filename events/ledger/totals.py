"""Sums of many single things at once (a page of keys, a list of budgets), each over a stretch of time of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

from events.ledger.grains import LAST_MS, ceil_quarter, floor_quarter, pieces
from events.ledger.margins import Margin

MOST_STARTS = 64
"""Rollup rows of one thing that are asked for by name; a stretch of more is asked for as a range."""


class Asked(NamedTuple):
    """One thing and its time. ``part`` is the id of the team, key and so on; empty for :attr:`Margin.ALL`."""

    tenant_id: str
    margin: Margin
    part: str
    start_ms: int
    end_ms: int


class Total(NamedTuple):
    """Of calls that ended."""

    requests: int = 0
    cost_nanousd: int = 0
    tokens: int = 0


def totals(asked: Sequence[Asked]) -> list[Total]:
    """The sums, parallel to what is asked, in one query or two.

    Time is cut to full quarters of an hour, the first and the last included. Not for :attr:`Margin.USER`, whose sums
    have no quarters: of users, ask :mod:`events.ledger.ranking` or :mod:`events.ledger.spending`.
    """
    rows: list[tuple[int, Asked, int, int, int]] = []
    for number, one in enumerate(asked):
        start, end = floor_quarter(max(0, one.start_ms)), ceil_quarter(min(one.end_ms, LAST_MS))
        for piece in pieces(start, end):
            width = piece.grain.width_ms
            if (piece.end_ms - piece.start_ms) // width <= MOST_STARTS:
                # By name: the index then leads to single rows, however many other keys have rows at these times.
                rows += [
                    (number, one, piece.grain.value, at, at + 1) for at in range(piece.start_ms, piece.end_ms, width)
                ]
            else:
                rows.append((number, one, piece.grain.value, piece.start_ms, piece.end_ms))
    found = [Total()] * len(asked)
    exact = [row for row in rows if row[4] == row[3] + 1]
    ranges = [row for row in rows if row[4] != row[3] + 1]
    for statement, part in ((_EXACT, exact), (_RANGES, ranges)):
        for number, requests, cost, tokens in _sums(statement, part):
            before = found[number]
            found[number] = Total(before.requests + requests, before.cost_nanousd + cost, before.tokens + tokens)
    return found


def _sums(statement: str, rows: Sequence[tuple[int, Asked, int, int, int]]) -> list[tuple[int, int, int, int]]:
    if not rows:
        return []
    parameters: dict[str, Any] = {
        "numbers": [row[0] for row in rows],
        "tenants": [row[1].tenant_id for row in rows],
        "kinds": [row[1].margin.value for row in rows],
        "parts": [row[1].part for row in rows],
        "grains": [row[2] for row in rows],
        "first": [row[3] // 1000 for row in rows],
        "last": [row[4] // 1000 for row in rows],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [(int(n), int(r), int(c), int(t)) for n, r, c, t in cursor.fetchall()]


_STATEMENT = """
SELECT a.number, sum(m.requests), sum(m.cost_nanousd), sum(m.input_tokens + m.output_tokens)
FROM unnest(%(numbers)s::int[], %(tenants)s::text[], %(kinds)s::smallint[], %(parts)s::text[], %(grains)s::smallint[],
            %(first)s::bigint[], %(last)s::bigint[])
    AS a (number, tenant_id, kind, part, grain, first, last)
JOIN events_usage_margin m ON m.tenant_id = a.tenant_id COLLATE "C" AND m.kind = a.kind AND m.grain = a.grain
    AND m.part = a.part COLLATE "C" AND {when}
GROUP BY a.number
"""
_EXACT = _STATEMENT.format(when="m.start = to_timestamp(a.first)")
_RANGES = _STATEMENT.format(when="m.start >= to_timestamp(a.first) AND m.start < to_timestamp(a.last)")
