"""Calls that admission's script neither admitted nor refused: what has to happen before it can decide."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from contracts.errors import ServiceUnavailable
from gateway.engine.admission_batch import CLOSED, DEGRADE, QUEUED, UNKNOWN, WaitingCall
from gateway.engine.budgets import AppliedBudget, DegradeWanted
from gateway.engine.concurrency_queue import WaitingCalls
from gateway.engine.limits import Ticket
from gateway.engine.spending import Spending

MAX_QUESTIONS = 5
"""How often a call asks about a budget that is not known or not open before it is told to come back."""


class Undecided:
    """Sees calls through to a decision."""

    def __init__(
        self,
        spending: Spending,
        queue: WaitingCalls,
        *,
        ask_again: Callable[[WaitingCall], Awaitable[int]],
        leave_queues: Callable[[Ticket], None],
    ) -> None:
        self._spending = spending
        self._queue = queue
        self._ask_again = ask_again
        self._leave_queues = leave_queues

    async def decide(self, waiting: WaitingCall, status: int) -> int:
        """The script's status once it is 0 (admitted) or above (refused).

        Raises:
            DegradeWanted: a budget wants the call to make do with less.
            ServiceUnavailable: a hard budget cannot be checked.
            RedisUnavailable: Redis went away meanwhile.
        """
        questions = 0
        while status < 0:
            if status == DEGRADE:
                self._leave_queues(waiting.ticket)
                raise DegradeWanted(_over_limit(waiting.ticket.budgets))
            if status == QUEUED:
                status = await self._wait_for_place(waiting)
                continue
            questions += 1
            try:
                await self._learn(waiting, status, questions)
            except ServiceUnavailable:
                self._leave_queues(waiting.ticket)
                raise
            status = await self._ask_again(waiting)
        return status

    async def _learn(self, waiting: WaitingCall, status: int, questions: int) -> None:
        ticket = waiting.ticket
        if questions > MAX_QUESTIONS:
            raise ServiceUnavailable("The budgets of this call cannot be checked right now.", retry_after_s=1)
        if status == CLOSED:
            await asyncio.sleep(waiting.detail / 1000)
            return
        assert status == UNKNOWN
        budget = ticket.budgets[waiting.detail - 1]
        try:
            await self._spending.load(budget.account)
        except ServiceUnavailable as error:
            if budget.kind == "b":
                raise ServiceUnavailable(
                    f"The budget {budget.account.spec.name!r} cannot be checked right now: {error.message}",
                    retry_after_s=error.retry_after_s or 2,
                    details={"budget_id": budget.account.spec.id, "level": budget.account.spec.level},
                ) from error
            # It only counts, and what it counts is in the ledger: the call goes in without it.
            ticket.budgets = [other for other in ticket.budgets if other is not budget]

    async def _wait_for_place(self, waiting: WaitingCall) -> int:
        """The script's status once it is something else than to wait, or the limit's refusal after its time."""
        ticket = waiting.ticket
        position = waiting.detail
        limit = ticket.limits[position - 1]
        loop = asyncio.get_running_loop()
        gives_up_at = loop.time() + limit.spec.max_wait_ms / 1000
        self._queue.enter(ticket.call_id)
        try:
            while (left_s := gives_up_at - loop.time()) > 0:
                await self._queue.turn(ticket.call_id, left_s)
                status = await self._ask_again(waiting)
                if status != QUEUED:
                    return status
        finally:
            self._queue.leave(ticket.call_id)
        self._leave_queues(ticket)
        return position


def _over_limit(budgets: list[AppliedBudget]) -> list[AppliedBudget]:
    return [budget for budget in budgets if budget.kind == "d" and budget.used + budget.cost > budget.account.limit]
