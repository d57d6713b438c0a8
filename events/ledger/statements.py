"""A tenant's month: what it used and what that cost, by model, team and key, all as of one instant."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from contracts.usage import UsageDimension, UsageFigures, UsageQuery
from events.ledger.analytics import usage
from events.ledger.grains import floor_quarter
from events.ledger.reading import one_snapshot

_ALL: Final = 1_000_000
"""More lines than any statement has."""


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One group's sums; ``group`` holds ids and names as the ledger has them, None where a call had none."""

    group: tuple[str | None, ...]
    figures: UsageFigures


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Each list adds up to ``total``. Instants are Unix milliseconds, money is nano-USD."""

    tenant_id: str
    time_zone: str
    year: int
    month: int
    start_ms: int
    end_ms: int
    closed: bool
    """Whether the month was over; calls that end in its last seconds take as long as the collector needs to come in."""
    by_model: list[StatementLine]
    """Provider and model."""
    by_team: list[StatementLine]
    by_key: list[StatementLine]
    """Team and key."""
    total: UsageFigures

    @property
    def price_unknown(self) -> list[StatementLine]:
        """Models with calls that are in no cost, because no price was known."""
        return [line for line in self.by_model if line.figures.price_unknown]


def statement(tenant_id: str, time_zone: str, year: int, month: int, *, now_ms: int | None = None) -> Statement:
    """The calendar month in the tenant's time zone.

    Raises:
        ValueError: there is no such month.
    """
    zone = ZoneInfo(time_zone)
    first = datetime(year, month, 1, tzinfo=zone)
    after = (first + timedelta(days=32)).replace(day=1)
    start_ms, end_ms = (floor_quarter(round(moment.timestamp() * 1000)) for moment in (first, after))
    month_of = UsageQuery(tenant_id=tenant_id, time_zone=time_zone, start_ms=start_ms, end_ms=end_ms, limit=_ALL)
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    with one_snapshot():
        return Statement(
            tenant_id=tenant_id,
            time_zone=time_zone,
            year=year,
            month=month,
            start_ms=start_ms,
            end_ms=end_ms,
            closed=end_ms <= now_ms,
            by_model=_lines(month_of, UsageDimension.PROVIDER, UsageDimension.MODEL),
            by_team=_lines(month_of, UsageDimension.TEAM),
            by_key=_lines(month_of, UsageDimension.TEAM, UsageDimension.KEY),
            total=usage(month_of).total,
        )


def _lines(month_of: UsageQuery, *group_by: UsageDimension) -> list[StatementLine]:
    page = usage(msgspec.structs.replace(month_of, group_by=group_by))
    return [StatementLine(group=row.group, figures=row.figures) for row in page.rows]
