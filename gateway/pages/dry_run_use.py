"""How much of the limits and budgets that a rehearsed call would count in is used this very moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contracts.live_use import BudgetAsked, LimitAsked
from contracts.ports import SpendQuery
from events.ledger.spending import spend
from gateway.engine.budgets import AppliedBudget
from gateway.engine.limits import AppliedLimit
from gateway.pages.dry_run_words import CountLine, budget_line, limit_line
from tenants.live_use import live_use


def limits_with_use(tenant_id: str, limits: Sequence[AppliedLimit]) -> list[CountLine]:
    """Each limit with what counts in its window now; without, while the counters cannot be read."""
    asked = [LimitAsked(tenant_id, one.spec, one.subject) for one in limits]
    uses = live_use().limits(asked) if asked else []
    lines = [limit_line(one) for one in limits]
    if uses is None:
        return lines
    return [
        replace(line, used=use.used, most=one.spec.value, waiting=use.waiting)
        for line, one, use in zip(lines, limits, uses, strict=True)
    ]


def budgets_with_use(tenant_id: str, budgets: Sequence[AppliedBudget], keys: Sequence[str]) -> list[CountLine]:
    """Each budget with what is spent and held by running calls; ``keys`` are those that followed each other.

    Where no call has opened a budget's account in this period, or the counters cannot be read, the ledger tells.
    """
    asked = [BudgetAsked(tenant_id, one.account.spec, one.account.subject, one.account.period) for one in budgets]
    uses = (live_use().budgets(asked) if asked else None) or [None] * len(asked)
    found = []
    for one, use in zip(budgets, uses, strict=True):
        used = _from_ledger(tenant_id, one, keys) if use is None else use.spent_nanousd + use.reserved_nanousd
        found.append(replace(budget_line(one), used=used, most=one.account.limit))
    return found


def _from_ledger(tenant_id: str, one: AppliedBudget, keys: Sequence[str]) -> int:
    spec = one.account.spec
    query = SpendQuery(tenant_id=tenant_id, level=spec.level, subject=one.account.subject, period=one.account.period)
    return spend(query, keys=keys).nanousd
