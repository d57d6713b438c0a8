"""Adds ended calls, and what is told of refusals, guardrails and caches, to traffic's tables as events are written.

Of calls, exactly the rows that were new to the ledger are added, so the tables are its sums at every instant. The
platform's rows are of all tenants: collectors that add at once wait for each other here, so this comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import psycopg

from events.collector.incoming import Incoming
from events.traffic.by_minute import NAMES, WIDTHS, calls_by_minute, latencies_by_minute
from events.traffic.grains import KEPT
from events.traffic.measures import MEASURES, PLATFORM
from events.traffic.parts import counts_of

_DELETE_BATCH: Final = 10_000

_KEY: Final = "scope, kind, grain, start, part"
_LATENCY_KEY: Final = "scope, grain, start, measured, bucket"
_SUMS: Final = ", ".join(f"sum(s.{name})" for name in MEASURES)
_ADDED: Final = ", ".join(f"{name} = r.{name} + EXCLUDED.{name}" for name in MEASURES)
_ADD_CALLS: Final = f"""
WITH {calls_by_minute("incoming_usage")}
INSERT INTO events_traffic AS r ({_KEY}, {NAMES})
SELECT s.scope, s.kind, g.grain, date_bin(g.width, s.start, 'epoch'), s.part, {_SUMS}
FROM scoped s CROSS JOIN (VALUES {WIDTHS}) g (grain, width)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 ON CONFLICT ({_KEY}) DO UPDATE SET {_ADDED}
"""  # noqa: S608 - constants
_ADD_LATENCIES: Final = f"""
WITH {latencies_by_minute("incoming_usage")}
INSERT INTO events_traffic_latency AS r ({_LATENCY_KEY}, calls)
SELECT s.scope, g.grain, date_bin(g.width, s.start, 'epoch'), s.measured, s.bucket, sum(s.calls)
FROM scoped s CROSS JOIN (VALUES {WIDTHS}) g (grain, width)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
ON CONFLICT ({_LATENCY_KEY}) DO UPDATE SET calls = r.calls + EXCLUDED.calls
"""  # noqa: S608 - constants
_COUNTED: Final = {"requests": "sum(c.number)", "cost_nanousd": "sum(c.cost)", "price_unknown": "sum(c.unpriced)"}
_COUNTS: Final = ", ".join(_COUNTED.get(name, "0") for name in MEASURES)
_ADDED_COUNTS: Final = ", ".join(f"{name} = r.{name} + EXCLUDED.{name}" for name in _COUNTED)
_ADD_COUNTS: Final = f"""
INSERT INTO events_traffic AS r ({_KEY}, {NAMES})
SELECT s.scope, c.kind, g.grain, date_bin(g.width, c.at, 'epoch'), c.part, {_COUNTS}
FROM unnest(%s::text[], %s::smallint[], %s::timestamptz[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    c (tenant_id, kind, at, part, number, cost, unpriced)
CROSS JOIN LATERAL (VALUES (c.tenant_id), ('{PLATFORM}')) s (scope)
CROSS JOIN (VALUES {WIDTHS}) g (grain, width) WHERE s.scope <> ''
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
ON CONFLICT ({_KEY}) DO UPDATE SET {_ADDED_COUNTS}
"""  # noqa: S608 - constants


async def add_calls(cursor: psycopg.AsyncCursor[Any]) -> None:
    """Add the rows of the temporary table ``incoming_usage``, all of which are new to the ledger."""
    await cursor.execute(_ADD_CALLS)
    await cursor.execute(_ADD_LATENCIES)


async def add_counts(connection: psycopg.AsyncConnection[Any], events: Sequence[Incoming]) -> None:
    """Add what these events, all of them new, tell of refusals, guardrails and kept answers."""
    counted: dict[tuple[str, int, datetime, str], tuple[int, int, int]] = {}
    for event in events:
        for count in counts_of(event.envelope.event_type, event.payload):
            minute = event.occurred_at.replace(second=0, microsecond=0)
            key = (event.envelope.tenant_id, count.kind.value, minute, count.part)
            number, cost, unpriced = counted.get(key, (0, 0, 0))
            counted[key] = (number + 1, cost + count.cost_nanousd, unpriced + count.price_unknown)
    if counted:
        keys, sums = zip(*counted, strict=True), zip(*counted.values(), strict=True)
        await connection.execute(_ADD_COUNTS, [list(column) for column in (*keys, *sums)])


async def drop_old(connection: psycopg.AsyncConnection[Any], now: datetime) -> None:
    """Delete what is finer than anybody asks for at its age."""
    for grain, kept in KEPT.items():
        for table in ("events_traffic", "events_traffic_latency"):
            await _drop(connection, table, grain.value, now - kept)


async def _drop(connection: psycopg.AsyncConnection[Any], table: str, grain: int, before: datetime) -> None:
    partition = f"{table}_{grain}"
    statement = (
        f"DELETE FROM {partition} WHERE ctid IN (SELECT ctid FROM {partition} WHERE start < %s LIMIT {_DELETE_BATCH})"  # noqa: S608
    )
    while (await connection.execute(statement, [before])).rowcount == _DELETE_BATCH:
        continue
