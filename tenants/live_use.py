"""Where pages ask how much of limits and budgets is used now: the data plane registers what reads its counters."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.live_use import BudgetAsked, BudgetUse, LimitAsked, LimitUse, LiveUse


class NothingKnown:
    """Before anything is registered."""

    def limits(self, _asked: Sequence[LimitAsked]) -> list[LimitUse] | None:
        """Nothing can be read."""
        return None

    def budgets(self, _asked: Sequence[BudgetAsked]) -> list[BudgetUse | None] | None:
        """Nothing can be read."""
        return None


_registered: list[LiveUse] = []


def register(source: LiveUse) -> None:
    """Ask this one from now on."""
    _registered[:] = [source]


def live_use() -> LiveUse:
    """Whom to ask."""
    return _registered[0] if _registered else NothingKnown()
