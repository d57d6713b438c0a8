"""What keeps the platform's sums right when a tenant's traffic is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from events.traffic.measures import MEASURES, PLATFORM, Kind

_KEY: Final = "kind, grain, start, part"
_LATENCY_KEY: Final = "grain, start, measured, bucket"
# In the order in which collectors take them.
_LOCK: Final = f"SELECT FROM events_traffic WHERE scope = '{PLATFORM}' ORDER BY {_KEY} FOR UPDATE"
_LOCK_LATENCIES: Final = (
    f"SELECT FROM events_traffic_latency WHERE scope = '{PLATFORM}' ORDER BY {_LATENCY_KEY} FOR UPDATE"
)
_SUMS: Final = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
_LESS: Final = ", ".join(f"{name} = r.{name} - g.{name}" for name in MEASURES)
_TAKE: Final = f"""
WITH gone AS (DELETE FROM events_traffic WHERE scope = ANY(%s) RETURNING *),
    summed AS (SELECT {_KEY}, {_SUMS} FROM gone GROUP BY {_KEY})
UPDATE events_traffic r SET {_LESS} FROM summed g
WHERE r.scope = '{PLATFORM}' AND (r.kind, r.grain, r.start, r.part) = (g.kind, g.grain, g.start, g.part)
"""  # noqa: S608 - constants
_TAKE_LATENCIES: Final = f"""
WITH gone AS (DELETE FROM events_traffic_latency WHERE scope = ANY(%s) RETURNING *),
    summed AS (SELECT {_LATENCY_KEY}, sum(calls) AS calls FROM gone GROUP BY {_LATENCY_KEY})
UPDATE events_traffic_latency r SET calls = r.calls - g.calls FROM summed g
WHERE r.scope = '{PLATFORM}' AND (r.grain, r.start, r.measured, r.bucket) = (g.grain, g.start, g.measured, g.bucket)
"""  # noqa: S608 - constants
_NOTHING_LEFT: Final = (
    f"DELETE FROM events_traffic WHERE scope = '{PLATFORM}' AND (requests = 0 OR (kind = {Kind.TENANT.value}"  # noqa: S608
    " AND part = ANY(%s)))"
)
_NO_LATENCY_LEFT: Final = f"DELETE FROM events_traffic_latency WHERE scope = '{PLATFORM}' AND calls = 0"  # noqa: S608


def remove_tenants(connection: psycopg.Connection[Any], tenant_ids: Sequence[str]) -> None:
    """Take these tenants' traffic out of the tables, the platform's sums included; in the caller's transaction."""
    ids = list(tenant_ids)
    connection.execute(_LOCK)
    connection.execute(_LOCK_LATENCIES)
    connection.execute(_TAKE, [ids])
    connection.execute(_TAKE_LATENCIES, [ids])
    connection.execute(_NOTHING_LEFT, [ids])
    connection.execute(_NO_LATENCY_LEFT)
