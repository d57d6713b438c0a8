"""The accounts that this worker has in memory: one per budget and subject, for the period that is going on."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from contracts.budgets import BudgetSpec, Period, budget_period
from contracts.ports import Clock
from contracts.specs import KeySpec, TenantSpec
from gateway.engine.budgets import Account, AppliedBudget

MAX_ACCOUNTS = 50_000
"""The least recently used goes first. Bounds memory under a flood of end-user ids."""


class Accounts:
    """Finds the accounts of a call; forgetting one loses nothing, as whoever still has use for it holds it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: OrderedDict[tuple[str, str], Account] = OrderedDict()

    def applied(self, tenant: TenantSpec, key: KeySpec, user: str | None) -> list[AppliedBudget]:
        """The budgets that pay for a call of this key, for this end user."""
        found: list[AppliedBudget] = []
        now_ms = self._clock.now_ms()
        for spec in (*key.budgets, *tenant.budgets):
            subject = spec.subject
            if spec.level == "user":
                if not user:
                    continue
                subject = user
            found.append(AppliedBudget(self._account(tenant.id, spec, subject, now_ms)))
        return found

    def recent(self, number: int) -> list[Account]:
        """Those that calls have used last."""
        return list(islice(reversed(self._accounts.values()), number))

    def _account(self, tenant_id: str, spec: BudgetSpec, subject: str, now_ms: int) -> Account:
        place = (spec.id, subject)
        account = self._accounts.get(place)
        if account is not None and _goes_on(account.period, spec, now_ms):
            if account.spec is spec:
                self._accounts.move_to_end(place)
                return account
            if (account.spec.window, account.spec.time_zone) == (spec.window, spec.time_zone):
                account.revise(spec)
                return account
        account = Account(tenant_id, spec, subject, budget_period(spec, now_ms))
        self._accounts[place] = account
        self._accounts.move_to_end(place)
        if len(self._accounts) > MAX_ACCOUNTS:
            self._accounts.popitem(last=False)
        return account


def _goes_on(period: Period, spec: BudgetSpec, now_ms: int) -> bool:
    """Whether the period has not ended, by the calendar or by a reset."""
    return period.start_ms <= now_ms < period.end_ms and not period.start_ms < spec.counts_from_ms <= now_ms
