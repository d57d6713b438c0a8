"""Budgets whose limits follow from what was spent, and the calls that ran into them or into rate limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from contracts.budgets import BudgetWindow, Period, period_at
from contracts.events import BudgetThresholdCrossed, EventContext
from controlplane.demo.cast import BudgetPlan
from controlplane.demo.configuration import MadeTenant
from controlplane.demo.past import Past, Told
from controlplane.demo.traffic import PlannedCall
from gateway.engine.budgets import Account, AppliedBudget, exceeded
from gateway.engine.limits import AppliedLimit, refusal
from tenants.compile import compile_budget, compile_limit
from tenants.models import Budget
from tenants.services import set_budget

_USED_UP_AT = 0.7
"""Part of the window's spending after which a used-up budget was used up."""
SMALLEST_NANOUSD: Final = 1_000_000
"""No budget of the demo has a lower limit."""
_YOUNG = 0.2
"""Part of what such a period usually takes below which no limit goes: a period that has just begun says little."""
_REFUSED = 0.003
"""Part of the calls that a rate limit refuses."""

Reroute = Callable[[PlannedCall, str], None]


@dataclass(slots=True)
class _Subject:
    tenant: MadeTenant
    plan: BudgetPlan
    period: Period
    calls: list[PlannedCall]
    """Those of the period."""
    usual: float
    """What as long a stretch cost on average: as long as the period, or as all the traffic where that is shorter."""

    def spent(self) -> int:
        return _cost(self.calls)


class Money:
    """Makes the tenants' budgets and applies them. ``reroute`` sends a call over the route of this name instead."""

    def __init__(self, past: Past, rng: Random, *, start: datetime, until: datetime, reroute: Reroute) -> None:
        self._past = past
        self._rng = rng
        self._start = start
        self._until_ms = int(until.timestamp() * 1000)
        self._reroute = reroute

    def limit_rates(self, calls: Sequence[PlannedCall]) -> None:
        """Let rate limits refuse a few calls, more of them where calls crowd."""
        for call in calls:
            if self._rng.random() < _REFUSED and call.refusal is None:
                limit = call.tenant.limits[-1 if call.user is not None and self._rng.random() < 0.6 else 0]
                spec = compile_limit(limit)
                applied = AppliedLimit(spec, call.user or "" if spec.level == "user" else spec.subject, "", 1)
                applied.reset_ms = self._rng.randrange(200, 40_000)
                call.refuse(refusal(applied))

    def apply(self, tenant: MadeTenant, calls: Sequence[PlannedCall]) -> list[Told]:
        """Make the tenant's budgets, the used-up ones first, as they change what is left to spend of the others."""
        told: list[Told] = []
        for plan in sorted(tenant.plan.budgets, key=lambda each: -each.used):
            subject = self._subject(tenant, plan, calls)
            told += self._run(subject, self._make(subject))
        return told

    def _subject(self, tenant: MadeTenant, plan: BudgetPlan, calls: Sequence[PlannedCall]) -> _Subject:
        period = period_at(BudgetWindow(plan.window), tenant.plan.time_zone, self._until_ms - 1)
        paid = [call for call in calls if call.refusal is None and (not plan.team or call.key.plan.team == plan.team)]
        traffic_ms = self._until_ms - int(self._start.timestamp() * 1000)
        usual = _cost(paid) * min(1.0, (period.end_ms - period.start_ms) / traffic_ms)
        return _Subject(
            tenant, plan, period, [call for call in paid if call.at_ms + call.duration_ms >= period.start_ms], usual
        )

    def _make(self, subject: _Subject) -> Budget:
        plan, tenant = subject.plan, subject.tenant
        spent = subject.spent()
        limit = spent / plan.used if plan.used < 1 else spent * _USED_UP_AT
        limit = max(limit, subject.usual * _YOUNG)
        who = tenant.people["billing"][0].username
        with self._past.at(self._start - timedelta(days=6), who, "203.0.113.60"):
            return set_budget(
                tenant=tenant.row,
                name=plan.name,
                limit_nanousd=max(SMALLEST_NANOUSD, _rounded(limit, up=plan.used < 1)),
                level="team" if plan.team else "tenant",
                team=tenant.teams[plan.team] if plan.team else None,
                window=plan.window,
                action=plan.action,
                degrade_route=plan.degrade_route,
                degrade_max_output_tokens=300 if plan.action == "degrade" else None,
            )

    def _run(self, subject: _Subject, budget: Budget) -> list[Told]:
        """The calls one after the other: thresholds are told, and beyond the limit the budget acts."""
        spec = compile_budget(budget, time_zone=subject.tenant.plan.time_zone)
        account = Account(str(subject.tenant.row.pk), spec, spec.subject, subject.period)
        running, told, acting = 0, [], False
        waiting = list(spec.thresholds)
        for call in subject.calls:
            cost = call.cost_nanousd or 0
            acting = acting or running + cost > spec.limit_nanousd
            if acting and budget.action == Budget.Action.BLOCK:
                applied = AppliedBudget(account, cost=cost, used=running, consumed=running)
                call.refuse(exceeded(applied, call.at_ms))
                continue
            if acting and budget.action == Budget.Action.DEGRADE:
                self._reroute(call, budget.degrade_route)
            running += call.cost_nanousd or 0
            while waiting and running * 100 >= spec.limit_nanousd * waiting[0]:
                told.append(_crossed(account, waiting.pop(0), running, call))
        return told


def _cost(calls: Sequence[PlannedCall]) -> int:
    """Nano-dollars."""
    return sum(call.cost_nanousd or 0 for call in calls)


def _crossed(account: Account, percent: int, spent: int, call: PlannedCall) -> Told:
    spec, period = account.spec, account.period
    event = BudgetThresholdCrossed(
        budget_id=spec.id,
        name=spec.name,
        level=spec.level,
        subject=account.subject,
        window=spec.window.value,
        period_start_ms=period.start_ms,
        period_end_ms=period.end_ms,
        percent=percent,
        spent_nanousd=spent,
        limit_nanousd=spec.limit_nanousd,
        action=spec.action.value,
    )
    return event, EventContext(account.tenant_id), int(call.at_ms + call.duration_ms) * 1_000_000


def _rounded(value: float, *, up: bool) -> int:
    """Two significant digits, as people set limits."""
    if value <= 0:
        return 0
    step = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return int((math.ceil if up else math.floor)(value / step) * step)
