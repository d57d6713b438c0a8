"""``limiter.*`` and ``budget.*``: what calls are held to."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class LimiterDegraded(EventPayload, frozen=True, kw_only=True):
    """Admission changed between Redis and the local limiter."""

    event_type = "admission.limiter.degraded"
    degraded: bool
    reason: str


class BudgetThresholdCrossed(EventPayload, frozen=True, kw_only=True):
    """Spending reached a percentage of a budget; told once per threshold, window and subject."""

    event_type = "budget.threshold.crossed"
    layer = 4
    budget_id: str
    name: str
    level: str
    """``tenant`` | ``team`` | ``key`` | ``user``."""
    subject: str
    window: str
    """``hour`` | ``day`` | ``week`` | ``month`` | ``total``."""
    period_start_ms: int
    period_end_ms: int | None = None
    """Unix milliseconds; None for a total budget, which has no end."""
    percent: int
    spent_nanousd: int
    """What ended calls have cost, reservations of running ones not included."""
    limit_nanousd: int
    action: str
    """``block`` | ``degrade`` | ``alert_only``."""


class BudgetPriceUnknown(EventPayload, frozen=True, kw_only=True):
    """A call went ahead although nobody knows what it may cost, because none of its budgets is a hard one."""

    event_type = "budget.price.unknown"
    layer = 4
    targets: list[str]
    budgets: list[str]
    """Names of the budgets that cannot count it in full."""
