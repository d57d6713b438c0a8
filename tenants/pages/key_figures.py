"""What keys used and paid, from the ledger's rollups; recent calls, from the runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from console.charts import Chart, Series
from console.timerange import TimeRange
from contracts.budgets import BudgetWindow, Period, period_at
from contracts.usage import UsageDimension, UsageFigures, UsageQuery, UsageRow
from events.ledger.analytics import usage
from events.ledger.grains import ceil_quarter, floor_quarter, pieces
from events.ledger.margins import Margin
from events.ledger.totals import Asked, Total, totals
from events.models import Run
from tenants.models import ApiKey

DAY_MS = 86_400_000
MOST_RUNS = 20
LOOK_BACK = timedelta(days=30)
"""How far recent calls are looked for."""


def month_at(time_zone: str, now_ms: int | None = None) -> Period:
    """The month that is going on in the time zone."""
    return period_at(BudgetWindow.MONTH, time_zone, now_ms if now_ms is not None else time.time_ns() // 1_000_000)


def spend_expression(tenant_id: str | None, period: Period) -> RawSQL:
    """For sorting keys by what each has cost in the period (nano-USD): worked out once for all of them.

    ``tenant_id`` None: the keys of all tenants.
    """
    conditions, parameters = [], []
    for piece in pieces(floor_quarter(period.start_ms), ceil_quarter(period.end_ms)):
        conditions.append("(grain = %s AND start >= to_timestamp(%s) AND start < to_timestamp(%s))")
        parameters += [piece.grain.value, piece.start_ms // 1000, piece.end_ms // 1000]
    whose = "tenant_id = %s" if tenant_id is not None else "tenant_id <> ''"
    # One object of all keys' sums: PostgreSQL works it out once, and looks each key up in it.
    statement = (
        "COALESCE((SELECT jsonb_object_agg(part, cost) FROM (SELECT part, sum(cost_nanousd) AS cost"  # noqa: S608 - constants
        f" FROM events_usage_margin WHERE {whose} AND kind = {Margin.KEY.value} AND ({' OR '.join(conditions)})"
        " GROUP BY part) sums) ->> tenants_apikey.id::text, '0')::numeric::bigint"
    )
    whose_parameters = [tenant_id] if tenant_id is not None else []
    return RawSQL(statement, [*whose_parameters, *parameters], output_field=BigIntegerField())  # noqa: S611 - constants


def totals_of_keys(keys: Iterable[ApiKey], start_ms: int, end_ms: int) -> list[Total]:
    """What each of the keys used between the instants, in one query."""
    return totals([Asked(str(key.tenant_id), Margin.KEY, str(key.pk), start_ms, end_ms) for key in keys])


def calls_of_last_day(key: ApiKey) -> int:
    """How many calls ended in the last 24 hours."""
    now_ms = time.time_ns() // 1_000_000
    return totals_of_keys([key], now_ms - DAY_MS, now_ms)[0].requests


def usage_of(
    tenant_id: str, time_zone: str, shown: TimeRange, dimension: UsageDimension | None, part: str
) -> list[UsageRow]:
    """The calls of one key, team or whole tenant in the range, by hour, or by day in long ranges."""
    window = BudgetWindow.HOUR if shown.length <= timedelta(days=4) else BudgetWindow.DAY
    filters = () if dimension is None else ((dimension, part),)
    query = UsageQuery(
        tenant_id=tenant_id,
        time_zone=time_zone,
        start_ms=floor_quarter(_ms(shown.start)),
        end_ms=ceil_quarter(_ms(shown.end)),
        window=window,
        filters=filters,
    )
    found = {row.start_ms: row for row in usage(query).rows}
    rows, cursor = [], query.start_ms
    while cursor < query.end_ms:
        end = min(max(ceil_quarter(period_at(window, time_zone, cursor).end_ms), cursor + 1), query.end_ms)
        # What had no calls is left out of the answer; the chart is to show that it was nothing.
        rows.append(found.get(cursor) or UsageRow(start_ms=cursor, end_ms=end, figures=UsageFigures()))
        cursor = end
    return rows


def usage_charts(rows: Sequence[UsageRow], *, costs: bool) -> list[Chart]:
    """Calls, and what they cost or how many tokens they took."""
    times = [datetime.fromtimestamp(row.start_ms / 1000, UTC) for row in rows]
    figures = [row.figures for row in rows]
    calls = Chart(
        "Requests",
        times,
        [
            Series("Answered", [one.requests - one.errors for one in figures], "brand"),
            Series("Failed", [one.errors for one in figures], "bad"),
        ],
        kind="bars",
    )
    if costs:
        spent = Chart("Cost", times, [Series("Cost", [one.cost_nanousd for one in figures], "teal")], "bars", "money")
        return [calls, spent]
    sizes = [
        Series("Input", [one.input_tokens for one in figures], "blue"),
        Series("Output", [one.output_tokens for one in figures], "teal"),
    ]
    return [calls, Chart("Tokens", times, sizes, kind="bars", unit="short")]


def recent_runs(key: ApiKey) -> list[Run]:
    """The newest calls of the key.

    The runs have no index by key: the rollups tell between which hours its last calls lie.
    """
    now_ms = time.time_ns() // 1_000_000
    query = UsageQuery(
        tenant_id=str(key.tenant_id),
        start_ms=floor_quarter(now_ms - int(LOOK_BACK.total_seconds() * 1000)),
        end_ms=ceil_quarter(now_ms + 1),
        window=BudgetWindow.HOUR,
        filters=((UsageDimension.KEY, str(key.pk)),),
    )
    hours = usage(query).rows
    if not hours:
        return []
    calls, first = 0, hours[-1].start_ms
    for hour in reversed(hours):
        calls, first = calls + hour.figures.requests, hour.start_ms
        if calls >= MOST_RUNS:
            break
    # Calls are counted when they end and found by when they began.
    since = datetime.fromtimestamp(first / 1000, UTC) - timedelta(minutes=15)
    until = datetime.fromtimestamp(hours[-1].end_ms / 1000, UTC)
    rows: Any = Run.objects.filter(
        tenant_id=str(key.tenant_id), key_id=str(key.pk), started_at__gte=since, started_at__lte=until
    )
    return list(rows.order_by("-started_at")[:MOST_RUNS])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
