"""Who used or paid most: the first few of perhaps very many keys, users or models."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from django.db import connection

from contracts.usage import UsageDimension, UsageQuery
from events.ledger.buckets import Bucket
from events.ledger.grains import ceil_quarter, floor_quarter
from events.ledger.sources import sources_of, sql_of_sources


class Ranked(NamedTuple):
    """One of them; ``part`` is empty for calls that had none."""

    part: str
    cost_nanousd: int
    requests: int


def ranking(query: UsageQuery, by: UsageDimension, limit: int) -> list[Ranked]:
    """The first ``limit`` by cost among the query's calls; its own groups, window and limit play no part.

    Time is cut to full quarters of an hour, the first and the last included.

    Raises:
        InvalidRequest: no rollup has both ``by`` and what the query filters for.
    """
    plain = msgspec.structs.replace(query, group_by=(by,), group_by_tag=None)
    cut = [Bucket(floor_quarter(query.start_ms), ceil_quarter(query.end_ms))]
    parameters: dict[str, Any] = {"limit": limit}
    measures = ("requests", "cost_nanousd")
    parts = sql_of_sources(sources_of(plain), plain, cut, ["part"], parameters, measures=measures)
    if not parts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT part, sum(cost_nanousd)::bigint AS cost, sum(requests)::bigint AS requests FROM ({parts}) p"  # noqa: S608 - constants
            " GROUP BY part HAVING sum(requests) > 0 ORDER BY cost DESC, requests DESC, part LIMIT %(limit)s",
            parameters,
        )
        return [Ranked(part or "", int(cost), int(requests)) for part, cost, requests in cursor.fetchall()]
