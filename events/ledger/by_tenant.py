"""What many tenants have spent, read together: for lists of tenants, where one question each would be too many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from events.ledger.grains import Grain
from events.ledger.margins import Margin

_MONTH_BEGAN: Final = "(date_trunc('month', now() AT TIME ZONE {zone}) AT TIME ZONE {zone})"
_FIRST_WHOLE_DAY: Final = (
    "(date_bin('1 day', {began} - interval '1 us', timestamptz '2000-01-01 00:00Z') + interval '1 day')"
)
_SUM: Final = (
    "COALESCE((SELECT sum(m.cost_nanousd) FROM events_usage_margin m"
    " WHERE m.tenant_id = {tenant} AND m.kind = {kind} AND m.grain = {grain} AND {within}), 0)"
)


def spent_this_month_sql(tenant: str, zone: str) -> str:
    """SQL of the nano-dollars that a tenant has spent since its month began at midnight in its time zone.

    ``tenant`` and ``zone`` are SQL, such as columns of an outer query: its id as text, and an IANA name.
    """
    return _month(tenant, zone, Margin.ALL, "")


def team_spent_this_month_sql(tenant: str, team: str, zone: str) -> str:
    """:func:`spent_this_month_sql` of one team; ``team`` is SQL of its id as text."""
    return _month(tenant, zone, Margin.TEAM, f" AND m.part = {team}")


def _month(tenant: str, zone: str, margin: Margin, only: str) -> str:
    began = _MONTH_BEGAN.format(zone=zone)
    first_day = _FIRST_WHOLE_DAY.format(began=began)
    of_margin = {"tenant": tenant, "kind": margin.value}
    days = _SUM.format(**of_margin, grain=Grain.DAY.value, within=f"m.start >= {first_day}{only}")
    edge = f"m.start >= {began} AND m.start < {first_day}{only}"
    quarters = _SUM.format(**of_margin, grain=Grain.QUARTER.value, within=edge)
    return f"({days} + {quarters})::bigint"


def daily_costs(tenant_ids: Sequence[str], days: int, *, now: datetime | None = None) -> dict[str, list[int]]:
    """The nano-dollars of each of the last ``days`` UTC days, today's last, for every tenant that is named."""
    today = (now or datetime.now(UTC)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=days - 1)
    found = {tenant_id: [0] * days for tenant_id in tenant_ids}
    with connection.cursor() as cursor:
        cursor.execute(_DAILY, [list(tenant_ids), first])
        for tenant_id, start, cost in cursor.fetchall():
            place = (start - first).days
            if 0 <= place < days:
                found[tenant_id][place] = cost
    return found


_DAILY: Final = f"""
SELECT tenant_id, start, cost_nanousd FROM events_usage_margin
WHERE tenant_id = ANY(%s) AND kind = {Margin.ALL.value} AND grain = {Grain.DAY.value} AND start >= %s
"""  # noqa: S608 - constants
