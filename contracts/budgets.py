"""Budgets: how much a tenant, team, key or end user may spend in a window of calendar time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec


class BudgetWindow(StrEnum):
    """How long a budget lasts before it begins anew, at a full hour or at midnight in the tenant's time zone."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday (ISO 8601)."""
    MONTH = "month"
    TOTAL = "total"
    """For ever."""


class BudgetAction(StrEnum):
    """What happens to calls that the budget does not pay for."""

    BLOCK = "block"
    DEGRADE = "degrade"
    """They go to a cheaper route, with shorter answers."""
    ALERT_ONLY = "alert_only"


class BudgetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One budget as the data plane knows it."""

    id: str
    name: str
    level: str
    """``tenant`` | ``team`` | ``key`` | ``user``."""
    subject: str
    """The id of whose money it is; for level ``user`` empty: each call's own ``user`` has a budget of its own.

    At level ``key`` it is the first of the keys that followed each other by rotation: they share the money.
    """
    limit_nanousd: int
    window: BudgetWindow
    time_zone: str = "UTC"
    action: BudgetAction = BudgetAction.BLOCK
    thresholds: tuple[int, ...] = (50, 80, 100)
    """Percentages of the limit; crossing one is told once per window."""
    degrade_route: str | None = None
    """Where calls go beyond the limit, with action ``degrade``; None: the route they asked for."""
    degrade_max_output_tokens: int | None = None
    """Cap on answers beyond the limit, with action ``degrade``."""
    counts_from_ms: int = 0
    """What was spent before this instant (Unix ms) does not count: somebody let the budget begin anew."""


class Period(msgspec.Struct, frozen=True):
    """A window of time: Unix milliseconds, from ``start_ms`` until just before ``end_ms``."""

    start_ms: int
    end_ms: int


FOR_EVER = Period(0, 2**53)
"""The only period of a total budget; its end is the largest integer that JSON and Lua keep exact."""


def period_at(window: BudgetWindow, time_zone: str, now_ms: int) -> Period:
    """The window that contains ``now_ms``.

    Days have 23 or 25 hours when the zone's clocks change; an hour is a full hour of the wall clock, so that zones
    with half-hour offsets begin theirs at half past UTC's.
    """
    if window is BudgetWindow.TOTAL:
        return FOR_EVER
    return _calendar_period(window, time_zone, now_ms // 60_000)


def budget_period(budget: BudgetSpec, now_ms: int) -> Period:
    """What counts in the budget now: its window, or what is left of it since the budget was last reset."""
    period = period_at(budget.window, budget.time_zone, now_ms)
    if period.start_ms < budget.counts_from_ms <= now_ms:
        return Period(budget.counts_from_ms, period.end_ms)
    return period


@lru_cache(maxsize=4_096)
def _calendar_period(window: BudgetWindow, time_zone: str, minute: int) -> Period:
    zone = ZoneInfo(time_zone)
    instant = datetime.fromtimestamp(minute * 60, UTC)
    local = instant.astimezone(zone)
    if window is BudgetWindow.HOUR:
        # In UTC: at the end of summer time the wall clock shows the same hour twice, and both are hours.
        start = instant - timedelta(minutes=local.minute)
        return Period(_ms(start), _ms(start + timedelta(hours=1)))
    midnight = local.replace(hour=0, minute=0, tzinfo=None)
    if window is BudgetWindow.DAY:
        first, last = midnight, midnight + timedelta(days=1)
    elif window is BudgetWindow.WEEK:
        first = midnight - timedelta(days=midnight.weekday())
        last = first + timedelta(days=7)
    else:
        first = midnight.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    return Period(_ms(first.replace(tzinfo=zone)), _ms(last.replace(tzinfo=zone)))


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
