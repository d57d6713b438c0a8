"""Budgets while Redis is out of reach: each worker may spend its share of what was left when it last heard."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.errors import ServiceUnavailable
from contracts.ports import Clock
from gateway.engine.budgets import Account, AppliedBudget, DegradeWanted

MAX_AGE_S = 5.0
"""What was heard of an account longer than this before Redis went down is no basis for admitting calls: other workers
may have spent what it says is left."""


class BudgetShares:
    """``remaining // workers`` of each budget."""

    def __init__(self, clock: Clock, workers: int) -> None:
        self._clock = clock
        self._workers = max(1, workers)
        self._lost_at: float | None = None
        """``Clock.monotonic`` instant at which Redis went out of reach."""

    def lost(self) -> None:
        """Redis went out of reach."""
        if self._lost_at is None:
            self._lost_at = self._clock.monotonic()

    def found(self) -> None:
        """Redis answers again."""
        self._lost_at = None

    def check(self, budgets: Sequence[AppliedBudget]) -> None:
        """Whether the shares pay for a call.

        Raises:
            ServiceUnavailable: a hard budget's share does not, or nothing is known of it.
            DegradeWanted: the share of a budget that degrades does not.
        """
        exhausted = []
        for budget in budgets:
            share = self._share(budget.account)
            budget.used = budget.account.limit - max(0, share or 0)
            if budget.kind == "b" and (share is None or budget.cost > share):
                raise ServiceUnavailable(
                    f"The budget {budget.account.spec.name!r} cannot be checked right now.",
                    retry_after_s=2,
                    details={"budget_id": budget.account.spec.id, "level": budget.account.spec.level},
                )
            if budget.kind == "d" and share is not None and budget.cost > share:
                exhausted.append(budget)
        if exhausted:
            raise DegradeWanted(exhausted)

    @staticmethod
    def take(budget: AppliedBudget) -> None:
        """Count a call that was admitted."""
        budget.used += budget.cost
        budget.account.local_nanousd += budget.cost

    @staticmethod
    def settle(budget: AppliedBudget, cost: int) -> None:
        """Give back what it did not need."""
        budget.account.local_nanousd += cost - budget.cost

    def _share(self, account: Account) -> int | None:
        lost_at = self._lost_at if self._lost_at is not None else self._clock.monotonic()
        if account.remaining is None or lost_at - account.seen_at > MAX_AGE_S:
            return None
        return max(0, account.remaining) // self._workers - account.local_nanousd
