"""Which end users of a tenant have most: from the ledger's rollups by user, which hold quarters of an hour."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from contracts.usage import UsageDimension, UsageQuery
from events.ledger.buckets import Bucket
from events.ledger.grains import ceil_quarter, floor_quarter
from events.ledger.sources import sources_of, sql_of_sources
from events.traffic.reading import RANKED_BY, Ranked, Stretch, Sums

_MEASURES: Final = ("requests", "errors", "cost_nanousd", "duration_us")


def user_ranking(tenant_id: str, stretch: Stretch, by: str = "requests", limit: int = 8) -> list[Ranked]:
    """Those with most, calls without a user left out; the first and the last quarter of an hour count in full."""
    start_ms, end_ms = floor_quarter(stretch.start_s * 1000), ceil_quarter(stretch.end_s * 1000)
    query = UsageQuery(tenant_id=tenant_id, start_ms=start_ms, end_ms=end_ms, group_by=(UsageDimension.USER,))
    parameters: dict[str, Any] = {"limit": limit}
    cut = [Bucket(start_ms, end_ms)]
    parts = sql_of_sources(sources_of(query), query, cut, ["part"], parameters, measures=_MEASURES)
    if not parts:
        return []
    order = RANKED_BY[by]
    sums = ", ".join(f"sum({name})::bigint" for name in _MEASURES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT part, {sums} FROM ({parts}) p WHERE part <> '' GROUP BY part"  # noqa: S608 - constants
            f" HAVING {order} > 0 ORDER BY {order} DESC, part LIMIT %(limit)s",
            parameters,
        )
        return [
            Ranked(part, Sums(requests=requests, errors=errors, cost_nanousd=cost, duration_us=duration))
            for part, requests, errors, cost, duration in cursor.fetchall()
        ]
