"""How much of limits and budgets is used this very moment: asked by pages, answered by whoever keeps the counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from contracts.budgets import BudgetSpec, Period
from contracts.specs import LimitSpec


class LimitAsked(msgspec.Struct, frozen=True):
    """One limit of one subject: for level ``user`` the end user's name, otherwise the limit's own subject."""

    tenant_id: str
    limit: LimitSpec
    subject: str


class LimitUse(msgspec.Struct, frozen=True):
    """What counts in the limit's window now; of calls at a time, those under way."""

    used: int
    waiting: int = 0
    """Calls that wait for a place."""


class BudgetAsked(msgspec.Struct, frozen=True):
    """One budget of one subject, in one of its periods."""

    tenant_id: str
    budget: BudgetSpec
    subject: str
    period: Period


class BudgetUse(msgspec.Struct, frozen=True):
    """Nano-USD: what ended calls have cost, and the most that running ones may cost."""

    spent_nanousd: int
    reserved_nanousd: int


class LiveUse(Protocol):
    """Reads the shared counters. Quick, and never raises."""

    def limits(self, asked: Sequence[LimitAsked]) -> list[LimitUse] | None:
        """Parallel to what is asked; None while the counters cannot be read."""

    def budgets(self, asked: Sequence[BudgetAsked]) -> list[BudgetUse | None] | None:
        """Parallel to what is asked; None for a budget without calls in the period, or while nothing can be read."""
