"""Sums of many tenants side by side, from their margins: for those who run the platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from contracts.usage import UsageFigures
from events.ledger.buckets import Bucket
from events.ledger.grains import ALL_GRAINS
from events.ledger.margins import Margin
from events.ledger.measures import MEASURES, SUM
from events.ledger.sources import Source, stretches

_ALL: Final = Source("events_usage_margin", ALL_GRAINS, margin=Margin.ALL)


def usage_of_tenants(tenant_ids: Sequence[str], cut: Sequence[Bucket]) -> list[tuple[str, int, UsageFigures]]:
    """Tenant, start of the bucket in Unix ms, and its sums; what had no calls is left out."""
    if not cut or not tenant_ids:
        return []
    parameters: dict[str, Any] = {"tenants": list(tenant_ids)}
    names = ", ".join(MEASURES)
    parts = " UNION ALL ".join(
        f"(SELECT r.tenant_id, {bucket} AS bucket, {names} FROM events_usage_margin r"  # noqa: S608 - constants
        f" WHERE r.tenant_id = ANY(%(tenants)s) AND r.kind = {Margin.ALL.value} AND r.grain = {grain.value}"
        f" AND r.part = '' AND {within})"
        for grain, bucket, within in stretches(_ALL, cut, parameters)
    )
    sums = ", ".join(f"{SUM}({name})" for name in MEASURES)
    statement = (
        f"SELECT tenant_id, bucket, {sums} FROM ({parts}) part"  # noqa: S608 - constants
        f" GROUP BY 1, 2 HAVING {SUM}(requests) <> 0 ORDER BY 1, 2"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [(row[0], cut[row[1]].start_ms, UsageFigures(*row[2:])) for row in cursor.fetchall()]
