"""Budgets as they apply to one call, the account that each is kept in, and what the caller is told at the limit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from contracts.budgets import BudgetAction, BudgetSpec, BudgetWindow, Period
from contracts.errors import BudgetExceeded
from contracts.money import shown_usd
from events.engine.redis_wire import RedisArg

ENDED = 0
"""In place of the end of a lease: the call has ended, and its cost waits to be confirmed by the ledger."""

MAX_AMOUNT = 2**53 - 1
"""Largest amount that Redis's Lua keeps exact, in nano-USD."""

DAY_S = 86_400.0


_KINDS = {BudgetAction.BLOCK: "b", BudgetAction.DEGRADE: "d", BudgetAction.ALERT_ONLY: "n"}


def account_name(tenant_id: str, spec: BudgetSpec, subject: str, period: Period) -> str:
    """Names the account in Redis, behind what kind of key it is."""
    # The end user's name comes last and kinds of keys differ in front: no name makes one key look like another.
    return f"{{{tenant_id}}}:{spec.id}:{spec.window.value}:{period.start_ms}:{subject}"


class Account:
    """One budget of one subject in one period, as this worker knows it; Redis decides, and the ledger is the truth."""

    __slots__ = (
        "dirty",
        "failed_at",
        "generation",
        "keys",
        "kind",
        "limit",
        "local_nanousd",
        "lock",
        "outstanding",
        "period",
        "remaining",
        "seen_at",
        "settlements",
        "spec",
        "subject",
        "tenant_id",
        "thresholds",
        "told",
    )

    def __init__(self, tenant_id: str, spec: BudgetSpec, subject: str, period: Period) -> None:
        name = account_name(tenant_id, spec, subject, period)
        self.tenant_id = tenant_id
        self.spec = spec
        self.subject = subject
        self.period = period
        self.keys: tuple[RedisArg, RedisArg, RedisArg] = (
            f"budget:{name}",
            f"budget-leases:{name}",
            f"budget-epoch:{{{tenant_id}}}",
        )
        self.lock = f"budget-confirming:{name}"
        self.kind = _KINDS[spec.action]
        """How admission's script is to treat it."""
        self.limit = spec.limit_nanousd
        self.thresholds = _listed(spec.thresholds)
        self.generation: bytes = b""
        """Of the account in Redis when it was last heard of."""
        self.outstanding: dict[str, tuple[int, int]] = {}
        """This worker's calls: call id -> cost, and the end of its lease (Unix ms) or :data:`ENDED`."""
        self.remaining: int | None = None
        """What was left at the last word from Redis; None: never heard."""
        self.seen_at = 0.0
        """``Clock.monotonic`` instant of that."""
        self.local_nanousd = 0
        """Counted since then without Redis."""
        self.settlements = 0
        """How many Redis has told to have."""
        self.told = 0
        """Highest threshold told, as far as this worker knows."""
        self.failed_at = float("-inf")
        """``Clock.monotonic`` instant at which the ledger last could not be asked about it."""
        self.dirty = False
        """Whether the ledger has to be asked what it has by now."""

    def revise(self, spec: BudgetSpec) -> None:
        """Go by a changed budget."""
        self.spec = spec
        self.kind = _KINDS[spec.action]
        self.limit = spec.limit_nanousd
        self.thresholds = _listed(spec.thresholds)


class AppliedBudget(msgspec.Struct):
    """One budget as it applies to one call."""

    account: Account
    cost: int = 0
    """Nano-USD: the most that the call can cost."""
    enforced: bool = True
    """False once the budget has had its effect on the call: it only counts then."""
    used: int = 0
    """Spent, pending and reserved, the call included once it is admitted."""
    consumed: int = 0
    """Spent and pending: what ended calls have cost."""

    @property
    def kind(self) -> str:
        """How admission's script is to treat it."""
        return self.account.kind if self.enforced else "n"

    @property
    def remaining(self) -> int:
        """Nano-USD left."""
        return max(0, self.account.limit - self.used)


class DegradeWanted(Exception):
    """A budget's limit is reached, and its action is to make do with less. Never leaves the gateway's engine."""

    def __init__(self, exhausted: list[AppliedBudget]) -> None:
        super().__init__("degrade")
        self.exhausted = exhausted


def tightest(budgets: list[AppliedBudget]) -> int:
    """The least that is left in any of the budgets, nano-USD; there must be one."""
    return min(budget.remaining for budget in budgets)


def exceeded(budget: AppliedBudget, now_ms: int) -> BudgetExceeded:
    """The error that says whose budget is used up, how much of it was spent, and when it begins anew."""
    account, spec = budget.account, budget.account.spec
    details: dict[str, Any] = {
        **_named(account),
        "spent_nanousd": budget.consumed,
        "reserved_nanousd": budget.used - budget.consumed,
        "limit_nanousd": spec.limit_nanousd,
        "requested_nanousd": budget.cost,
        "resets_at": None,
        "reset_s": None,
    }
    ends = "It does not begin anew."
    retry_after_s: float | None = None
    if spec.window is not BudgetWindow.TOTAL:
        instant = datetime.fromtimestamp(account.period.end_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
        reset_s = max(0.0, (account.period.end_ms - now_ms) / 1000)
        details["resets_at"], details["reset_s"] = instant, round(reset_s, 3)
        ends = f"It begins anew at {instant}."
        retry_after_s = reset_s if reset_s <= DAY_S else None
    return BudgetExceeded(
        f"The {spec.window.value} budget {spec.name!r} of {_whose(account)} does not pay for this call: "
        f"{shown_usd(budget.consumed)} "
        f"spent and {shown_usd(budget.used - budget.consumed)} reserved of {shown_usd(spec.limit_nanousd)}, and it "
        f"may cost {shown_usd(budget.cost)}. {ends}",
        retry_after_s=retry_after_s,
        details=details,
    )


def unpriced(budget: AppliedBudget, targets: list[str]) -> BudgetExceeded:
    """The error for a call whose price nobody knows, where a hard budget would have to pay for it."""
    account = budget.account
    return BudgetExceeded(
        f"The price of {', '.join(targets)} is unknown, so the budget {account.spec.name!r} of {_whose(account)} "
        "cannot be kept.",
        details={**_named(account), "unpriced": targets},
    )


def _named(account: Account) -> dict[str, Any]:
    spec = account.spec
    return {
        "budget_id": spec.id,
        "budget": spec.name,
        "level": spec.level,
        "subject": account.subject,
        "window": spec.window.value,
    }


def _whose(account: Account) -> str:
    level = account.spec.level
    return f"user {account.subject!r}" if level == "user" else f"this {level}"


def _listed(thresholds: tuple[int, ...]) -> str:
    return ",".join(str(threshold) for threshold in thresholds)
