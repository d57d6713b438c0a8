"""At which hours of the day tenants spend: what forecasts go by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from events.ledger.grains import Grain
from events.ledger.margins import Margin

Rhythm = tuple[float, ...]
"""Weights of the 24 hours of a local day; their sum is 24."""
EVEN: Rhythm = (1.0,) * 24
LEAST = 0.05
"""No hour weighs less: what never happened in two weeks may happen tonight."""


def rhythms(zones: Mapping[str, str], since: datetime) -> dict[str, Rhythm]:
    """Tenant's id → how its spending since then was spread over the day; :data:`EVEN` where there was none.

    ``zones`` are the tenants' ids with their IANA time zones. One query, on rollups.
    """
    sums: dict[str, list[float]] = {tenant_id: [0.0] * 24 for tenant_id in zones}
    if zones:
        with connection.cursor() as cursor:
            cursor.execute(_STATEMENT, {"tenants": list(zones), "zones": list(zones.values()), "since": since})
            for tenant_id, hour, cost in cursor.fetchall():
                sums[tenant_id][int(hour)] = float(cost)
    return {tenant_id: _weights(hours) for tenant_id, hours in sums.items()}


def _weights(hours: list[float]) -> Rhythm:
    total = sum(hours)
    if total <= 0:
        return EVEN
    raised = [max(24 * cost / total, LEAST) for cost in hours]
    return tuple(24 * weight / sum(raised) for weight in raised)


_STATEMENT = f"""
SELECT m.tenant_id, extract(hour FROM m.start AT TIME ZONE z.zone), sum(m.cost_nanousd)
FROM unnest(%(tenants)s::text[], %(zones)s::text[]) AS z (tenant_id, zone)
JOIN events_usage_margin m ON m.tenant_id = z.tenant_id COLLATE "C" AND m.kind = {Margin.ALL.value}
    AND m.grain = {Grain.HOUR.value} AND m.start >= %(since)s AND m.part = ''
GROUP BY 1, 2
"""  # noqa: S608 - constants
