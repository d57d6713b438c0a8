"""How much of a run's budgets is left for its next call, with what calls under way may still cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Estimate = Callable[[str, int, int], int | None]
"""(route or model, input tokens, output tokens) → nano-USD at most; None where no price is known."""
CHARACTERS_PER_TOKEN: Final = 3
"""Fewer than texts usually have: an estimate is rather too high."""
FRAME_TOKENS: Final = 50


class BudgetSpent(RuntimeError):
    """What is left would not pay for the next call, also when those under way have ended."""


class Purse:
    """One of a run's budgets; used by one thread."""

    def __init__(self, limit_nanousd: int | None, spent_nanousd: int, estimate: Estimate) -> None:
        self._limit = limit_nanousd
        self._estimate = estimate
        self.spent_nanousd = spent_nanousd
        self._held = 0
        self._prices: dict[tuple[str, int, int], int | None] = {}

    def hold(self, model: str, characters: int, output_tokens: int) -> int:
        """Set aside what the call costs at most; gives how much, for :meth:`settle`.

        Raises:
            BudgetSpent: there is not so much left.
        """
        if self._limit is None:
            return 0
        # Rounded up, so that few prices have to be worked out.
        tokens = -(-(characters // CHARACTERS_PER_TOKEN + FRAME_TOKENS) // 100) * 100
        known = (model, tokens, output_tokens)
        if known not in self._prices:
            self._prices[known] = self._estimate(*known)
        cost = self._prices[known] or 0
        if self.spent_nanousd + self._held + cost > self._limit or self.spent_nanousd >= self._limit:
            raise BudgetSpent
        self._held += cost
        return cost

    def settle(self, held: int, cost_nanousd: int) -> None:
        """The call has ended, and cost so much."""
        self._held -= held
        self.spent_nanousd += cost_nanousd
