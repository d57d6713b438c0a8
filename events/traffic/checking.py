"""Whether traffic's tables are what the ledger says: each row compared with the sum of its calls."""

from __future__ import annotations

from typing import Final, NamedTuple

from django.db import connection

from contracts.tenant_scope import across_tenants
from events.ledger.reading import one_snapshot
from events.traffic.by_minute import WIDTHS, calls_by_minute, latencies_by_minute
from events.traffic.measures import MEASURES, OF_EVENTS


class Difference(NamedTuple):
    """A row that is not the sum of its calls, is missing, or has none."""

    table: str
    scope: str
    grain: int
    start: str
    part: str


_FROM_EVENTS: Final = f"({', '.join(str(kind.value) for kind in OF_EVENTS)})"
_CALLS: Final = f"""
WITH {calls_by_minute("events_usage")}, raw AS (
    SELECT s.scope, s.kind, g.grain, date_bin(g.width, s.start, 'epoch') AS start, s.part,
        {", ".join(f"sum(s.{name}) AS {name}" for name in MEASURES)}
    FROM scoped s CROSS JOIN (VALUES {WIDTHS}) g (grain, width) GROUP BY 1, 2, 3, 4, 5
)
SELECT 'events_traffic', COALESCE(raw.scope, kept.scope), COALESCE(raw.grain, kept.grain),
    COALESCE(raw.start, kept.start)::text, COALESCE(raw.kind, kept.kind) || ' ' || COALESCE(raw.part, kept.part)
FROM raw FULL JOIN (SELECT * FROM events_traffic WHERE kind NOT IN {_FROM_EVENTS}) kept
    ON (raw.scope, raw.kind, raw.grain, raw.start, raw.part)
        = (kept.scope, kept.kind, kept.grain, kept.start, kept.part)
WHERE ({", ".join(f"raw.{name}" for name in MEASURES)})
    IS DISTINCT FROM ({", ".join(f"kept.{name}" for name in MEASURES)})
LIMIT %s
"""  # noqa: S608 - constants
_LATENCIES: Final = f"""
WITH {latencies_by_minute("events_usage")}, raw AS (
    SELECT s.scope, g.grain, date_bin(g.width, s.start, 'epoch') AS start, s.measured, s.bucket, sum(s.calls) AS calls
    FROM scoped s CROSS JOIN (VALUES {WIDTHS}) g (grain, width) GROUP BY 1, 2, 3, 4, 5
)
SELECT 'events_traffic_latency', COALESCE(raw.scope, kept.scope), COALESCE(raw.grain, kept.grain),
    COALESCE(raw.start, kept.start)::text,
    COALESCE(raw.measured, kept.measured) || ' ' || COALESCE(raw.bucket, kept.bucket)
FROM raw FULL JOIN events_traffic_latency kept ON (raw.scope, raw.grain, raw.start, raw.measured, raw.bucket)
    = (kept.scope, kept.grain, kept.start, kept.measured, kept.bucket)
WHERE raw.calls IS DISTINCT FROM kept.calls LIMIT %s
"""  # noqa: S608 - constants


def differences(limit: int = 100) -> list[Difference]:
    """Up to ``limit`` rows of each table that differ; empty when every one is right.

    Reads the whole ledger: for benchmarks and after repairs. Rows that are past their time, or whose calls are, differ.
    """
    found: list[Difference] = []
    with across_tenants("the check is about the tables, whosever the rows are"), one_snapshot():
        for statement in (_CALLS, _LATENCIES):
            with connection.cursor() as cursor:
                cursor.execute(statement, [limit])
                found += [Difference(*row) for row in cursor.fetchall()]
    return found
