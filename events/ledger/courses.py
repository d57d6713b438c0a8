"""How a few chosen keys, users or models did over time, however many others there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from contracts.usage import UsageFigures, UsageQuery
from events.ledger.analytics import figures_of
from events.ledger.buckets import buckets
from events.ledger.measures import MEASURES, SUM
from events.ledger.sources import sources_of, sql_of_sources

_GROUP = "value"


def courses(query: UsageQuery, chosen: Sequence[str]) -> dict[str, dict[int, UsageFigures]]:
    """The sums of each bar (by its start, Unix milliseconds) of the chosen values of the query's one group.

    In one query; bars without calls are left out.

    Raises:
        InvalidRequest: no rollup has what is grouped by and filtered for, or there are too many buckets.
    """
    cut = buckets(query.window, query.time_zone, query.start_ms, query.end_ms)
    parameters: dict[str, Any] = {"chosen": list(chosen)}
    # Calls without a tag have none of its values.
    sources = [source for source in sources_of(query) if not source.untagged]
    parts = sql_of_sources(sources, query, cut, [_GROUP], parameters)
    if not parts:
        return {}
    sums = ", ".join(f"{SUM}({measure})" for measure in MEASURES)
    found: dict[str, dict[int, UsageFigures]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT bucket, {_GROUP}, {sums} FROM ({parts}) part"  # noqa: S608 - constants
            f' WHERE {_GROUP} = ANY(%(chosen)s COLLATE "C") GROUP BY 1, 2 HAVING {SUM}(requests) <> 0',
            parameters,
        )
        for place, value, *figures in cursor.fetchall():
            found.setdefault(value, {})[cut[place].start_ms] = figures_of(figures)
    return found
