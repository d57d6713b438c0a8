"""What goes to ``lua/admission.lua`` and what comes back: a batch of waiting calls and settlements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from contracts.specs import LimitMetric
from events.engine.redis_wire import RedisArg
from gateway.engine.budgets import Account
from gateway.engine.limits import AppliedLimit, Ticket
from gateway.engine.spending import Spending

UNKNOWN, CLOSED, DEGRADE, QUEUED = -1, -2, -3, -4
"""Statuses of the script other than admitted (0) and refused (above 0)."""


class Settlement(msgspec.Struct):
    """A correction of what a call has counted in one limit or budget."""

    keys: tuple[RedisArg, ...]
    args: tuple[RedisArg, ...]
    """The kind first."""
    account: Account | None = None

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice does no harm."""
        return self.args[0] != "w"


class WaitingCall(msgspec.Struct, eq=False):
    """A call that wants to be admitted."""

    ticket: Ticket
    lease_ms: int
    decided: asyncio.Future[int]
    """Holds the script's status: 0 when admitted, above it the 1-based position of what refused."""
    detail: int = 0
    ahead: bool = False
    """Whether the call has gone on already."""


class Batch(msgspec.Struct):
    """Waits for one reply of Redis, and hands it on in the same turn of the loop: a future would cost one more."""

    waiting: list[WaitingCall]
    settling: list[Settlement]
    answered: Callable[[Batch, Any], None]
    failed: Callable[[Batch, Exception], None]
    sent_at: float = 0.0
    """``Clock.monotonic`` instant."""
    timer: asyncio.TimerHandle | None = None
    ended: bool = False

    def done(self) -> bool:
        """Whether nobody waits for the reply any more."""
        return self.ended

    def set_result(self, reply: Any, /) -> None:
        """The script's reply."""
        self._end()
        self.answered(self, reply)

    def set_exception(self, error: Exception, /) -> None:
        """There will be none."""
        self._end()
        self.failed(self, error)

    def _end(self) -> None:
        self.ended = True
        if self.timer is not None:
            self.timer.cancel()


def release(limit: AppliedLimit, ticket: Ticket) -> Settlement:
    """Gives back the place that a call has, or may have, under a concurrency limit, or its place in the queue."""
    if limit.spec.max_wait_ms:
        return Settlement(limit.queue_keys, ("p", ticket.call_id, ticket.member))
    return Settlement((limit.key,), ("c", ticket.call_id))


def pack(batch: Sequence[WaitingCall], settling: Sequence[Settlement]) -> tuple[list[RedisArg], list[RedisArg]]:
    """KEYS and ARGV of the script."""
    keys: list[RedisArg] = []
    args: list[RedisArg] = [len(settling)]
    for settlement in settling:
        keys.extend(settlement.keys)
        args.extend(settlement.args)
    args.append(len(batch))
    for waiting in batch:
        ticket = waiting.ticket
        args += (ticket.call_id, waiting.lease_ms, len(ticket.limits), len(ticket.budgets))
        for limit in ticket.limits:
            spec = limit.spec
            concurrency = spec.metric is LimitMetric.CONCURRENCY
            if concurrency and spec.max_wait_ms:
                keys.extend(limit.queue_keys)
                args += ("p", spec.value, spec.max_wait_ms, limit.cost, ticket.queue_class, limit.score, ticket.member)
            else:
                keys.append(limit.key)
                args += ("c" if concurrency else "w", spec.value, spec.window_s * 1000, limit.cost)
        for budget in ticket.budgets:
            account = budget.account
            keys.extend(account.keys)
            args += (account.kind if budget.enforced else "n", account.limit, budget.cost)
    return keys, args


def read_reply(waiting: WaitingCall, reply: list[Any], spending: Spending, now: float) -> None:
    """Take in what the script said of one call."""
    ticket = waiting.ticket
    status, waiting.detail = reply[0], reply[1]
    place = 2
    for limit in ticket.limits:
        limit.remaining, limit.reset_ms, slot = reply[place : place + 3]
        if status == 0:
            limit.slot = slot
        elif status == QUEUED and slot:
            limit.score = slot
        place += 3
    if ticket.budgets:
        for budget in ticket.budgets:
            spending.heard(budget, now, reply[place : place + 4])
            place += 4
        # Whoever left meanwhile has already given back what was granted.
        if status == 0 and not waiting.decided.done():
            spending.reserved(ticket.budgets, ticket.call_id, waiting.lease_ms)
    if not waiting.decided.done():
        waiting.decided.set_result(status)
