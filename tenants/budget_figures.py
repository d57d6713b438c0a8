"""What budgets have spent, and how they will end: many at once, for lists, in a fixed number of queries."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from console import formats
from contracts.budgets import FOR_EVER, Period, budget_period
from contracts.live_use import BudgetAsked, BudgetUse
from contracts.ports import SpendQuery
from contracts.usage import UsageDimension, UsageQuery
from events.ledger.grains import QUARTER_MS
from events.ledger.margins import Margin
from events.ledger.ranking import ranking
from events.ledger.rhythm import EVEN, rhythms
from events.ledger.spending import spend
from events.ledger.totals import Asked, totals
from tenants.burn import Course, length_words
from tenants.compile import compile_budget
from tenants.live_use import live_use
from tenants.models import ApiKey, Budget

RHYTHM_OF = timedelta(days=14)
_MARGINS = {"tenant": Margin.ALL, "team": Margin.TEAM, "key": Margin.KEY}


@dataclass(slots=True)
class BudgetState:
    """A budget in its current window. Nano-USD."""

    budget: Budget
    period: Period
    course: Course
    now_ms: int
    spent: int = 0
    reserved: int = 0
    live: bool = False
    """Whether the figures are the shared counters'; otherwise they are the ledger's."""
    subject: str = ""
    """Whose money it is, where the budget is each end user's: the one who spent most."""

    @property
    def limit(self) -> int:
        """The most that may be spent."""
        return self.budget.limit_nanousd

    @property
    def used(self) -> int:
        """Spent and reserved."""
        return self.spent + self.reserved

    @property
    def left(self) -> int:
        """Never less than nothing."""
        return max(0, self.limit - self.used)

    @property
    def share(self) -> float:
        """Of the limit, 1 for all of it."""
        return self.used / self.limit

    @property
    def ends_at(self) -> datetime | None:
        """When the window begins anew; None: never."""
        return None if self.period == FOR_EVER or self.budget.window == "total" else _moment(self.period.end_ms)

    @property
    def began_at(self) -> datetime | None:
        """When the window began; None: with the first call."""
        return None if self.period.start_ms == 0 else _moment(self.period.start_ms)

    @property
    def forecast(self) -> int | None:
        """At the window's end; None where it is too early to say, and where there is no end."""
        return None if self.ends_at is None else self.course.forecast(self.spent, self.now_ms)

    @property
    def forecast_share(self) -> float | None:
        """Of the limit."""
        return None if self.forecast is None else self.forecast / self.limit

    @property
    def runs_out_at(self) -> datetime | None:
        """When the limit is reached at this pace, if later than now and before the window's end."""
        if self.ends_at is None or self.used >= self.limit:
            return None
        at = self.course.exhausted_ms(self.spent, self.limit, self.now_ms)
        return None if at is None else _moment(at)

    @property
    def elapsed(self) -> float:
        """The share of the window's spending that the rhythm lets one expect by now."""
        return self.course.elapsed(self.now_ms) if self.ends_at is not None else 0.0

    @property
    def state(self) -> tuple[str, str]:
        """Words and tone."""
        if not self.budget.enabled:
            return "Off", "neutral"
        if self.used >= self.limit:
            over = {"block": "Used up, blocking", "degrade": "Used up, degrading", "alert_only": "Over the limit"}
            return over[self.budget.action], "bad"
        if self.runs_out_at is not None:
            return "Runs out early", "warn"
        reached = [percent for percent in self.budget.thresholds if 75 <= percent < 100 and self.share * 100 >= percent]
        return ("Nearly used", "warn") if reached else ("On track", "good")

    @property
    def width(self) -> float:
        """Of the bar, in percent."""
        return round(min(self.share, 1) * 100, 2)

    @property
    def forecast_width(self) -> float:
        """Of the bar behind it, in percent; 0 where nothing is foretold."""
        return round(min(self.forecast_share or 0, 1) * 100, 2)

    @property
    def marks(self) -> list[int]:
        """Thresholds that lie on the bar, in percent."""
        return [percent for percent in self.budget.thresholds if percent < 100]

    @property
    def share_words(self) -> str:
        """Beside what is spent."""
        return f"of {formats.money(self.limit)}, {formats.percent(self.share, 0)}"

    @property
    def left_words(self) -> str:
        """Beside what is left."""
        if self.ends_at is None:
            return "for ever"
        return f"for {length_words(self.ends_at - _moment(self.now_ms))}"

    @property
    def forecast_words(self) -> str:
        """Beside the forecast."""
        if self.forecast_share is None:
            return "too early to say"
        return f"{formats.percent(self.forecast_share, 0)} at the window's end"

    @property
    def forecast_tone(self) -> str:
        """Of the forecast."""
        return "bad" if (self.forecast_share or 0) > 1 else ""

    @property
    def tone(self) -> str:
        """Of the bar."""
        tone = self.state[1]
        return "slate" if tone == "neutral" else tone


def states_of(budgets: Sequence[Budget], now_ms: int | None = None) -> list[BudgetState]:
    """Parallel to the budgets, whose tenants and keys are read along with them.

    One round trip to Redis and three queries, however many there are; each end users' budget takes one more, to find
    out who spent most.
    """
    now_ms = now_ms if now_ms is not None else time.time_ns() // 1_000_000
    since = _moment(now_ms) - RHYTHM_OF
    zones = {str(budget.tenant_id): budget.tenant.time_zone for budget in budgets}
    rhythm = rhythms(zones, since)
    found = []
    for budget in budgets:
        period = period_of(budget, now_ms)
        course = Course(period, budget.tenant.time_zone, rhythm.get(str(budget.tenant_id), EVEN))
        found.append(BudgetState(budget, period, course, now_ms))
    _add_spending(found)
    return found


def period_of(budget: Budget, now_ms: int) -> Period:
    """The budget's window at this instant."""
    return budget_period(compile_budget(budget, time_zone=budget.tenant.time_zone), now_ms)


def account_of(budget: Budget) -> str:
    """The subject that the budget is counted under; empty for end users."""
    return str(budget.key.account_id) if budget.key is not None else budget.subject_id


def live_use_of(states: Iterable[BudgetState]) -> list[BudgetUse | None]:
    """What the shared counters say, in one round trip; None where they say nothing."""
    asked = [
        BudgetAsked(
            str(state.budget.tenant_id),
            compile_budget(state.budget, time_zone=state.budget.tenant.time_zone),
            state.subject or account_of(state.budget),
            state.period,
        )
        for state in states
    ]
    return (live_use().budgets(asked) if asked else None) or [None] * len(asked)


def _add_spending(states: Sequence[BudgetState]) -> None:
    keys = _keys_of_accounts([state.budget for state in states])
    asked: list[Asked] = []
    owners: list[BudgetState] = []
    for state in states:
        budget = state.budget
        if budget.level == "user":
            _add_top_user(state)
            continue
        if state.period.start_ms % QUARTER_MS:
            # After a reset: rollups would bring back what was spent in the same quarter of an hour before.
            state.spent = _exact(state, keys.get(account_of(budget), []))
            continue
        parts = {"tenant": [""], "team": [str(budget.team_id)]}.get(budget.level) or keys[account_of(budget)]
        for part in parts:
            asked.append(
                Asked(str(budget.tenant_id), _MARGINS[budget.level], part, state.period.start_ms, state.period.end_ms)
            )
            owners.append(state)
    for state, total in zip(owners, totals(asked), strict=True):
        state.spent += total.cost_nanousd
    for state, use in zip(states, live_use_of(states), strict=True):
        if use is not None:
            state.spent, state.reserved, state.live = use.spent_nanousd, use.reserved_nanousd, True


def _exact(state: BudgetState, keys: Sequence[str]) -> int:
    budget = state.budget
    query = SpendQuery(
        tenant_id=str(budget.tenant_id), level=budget.level, subject=account_of(budget), period=state.period
    )
    return spend(query, keys=keys).nanousd


def _add_top_user(state: BudgetState) -> None:
    query = UsageQuery(
        tenant_id=str(state.budget.tenant_id),
        start_ms=state.period.start_ms,
        end_ms=min(state.period.end_ms, state.now_ms),
    )
    named = [one for one in ranking(query, UsageDimension.USER, 2) if one.part]
    if named:
        state.subject, state.spent = named[0].part, named[0].cost_nanousd


def _keys_of_accounts(budgets: Iterable[Budget]) -> dict[str, list[str]]:
    """Account's id → ids of all keys whose calls count in it, in one query."""
    about = [budget for budget in budgets if budget.key is not None]
    found: dict[str, set[str]] = {
        account_of(budget): {account_of(budget), str(budget.key_id), *map(str, budget.key.predecessors)}
        for budget in about
        if budget.key is not None
    }
    if found:
        accounts = [uuid.UUID(account) for account in found]
        tenants = {budget.tenant_id for budget in about}
        followers = ApiKey.objects.filter(
            Q(pk__in=accounts) | Q(predecessors__0__in=accounts), tenant_id__in=tenants
        ).values_list("pk", "predecessors")
        for pk, predecessors in followers:
            found[str(predecessors[0] if predecessors else pk)].add(str(pk))
    return {account: sorted(keys) for account, keys in found.items()}


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
