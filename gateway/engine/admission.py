"""Admission: may this call go in now?

All calls that wait in one event-loop turn are admitted by one run of ``lua/admission.lua``, together with the
settlements that have piled up; per call that costs a fraction of a Redis round trip. Where it is certain that a call
will be let in it need not wait for that (:mod:`gateway.engine.foresight`). With Redis down the decision falls to
:mod:`gateway.engine.local_limiter` (or to a refusal, if the tenant wants that).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any

from contracts.errors import GatewayError, ServiceUnavailable
from contracts.events import EventContext, LimiterDegraded
from contracts.ports import Clock, Emitter, SpendReader
from contracts.specs import LimitMetric
from events.engine.redis_wire import RedisCommandError, RedisUnavailable, RedisWire
from gateway.engine.admission_batch import Batch, Settlement, WaitingCall, pack, read_reply, release
from gateway.engine.budgets import AppliedBudget, DegradeWanted, exceeded
from gateway.engine.concurrency_queue import CHANNEL_PREFIX, WaitingCalls
from gateway.engine.foresight import Foresight
from gateway.engine.limits import Ahead, AppliedLimit, Ticket, refusal
from gateway.engine.local_limiter import LocalLimiter
from gateway.engine.scripts import ADMISSION
from gateway.engine.spending import GRACE_MS, REBUILT_CHANNEL, Spending
from gateway.engine.undecided import Undecided

log = logging.getLogger(__name__)

MAX_BATCH = 200
"""Calls per script run: keeps one run well under a millisecond of Redis's time."""

MAX_UNSETTLED = 2_000
"""Settlements that are kept through an outage of Redis; leases end what is beyond, the ledger has what was spent."""

SETTLE_DELAY_S = 0.005
"""Settlements wait this long for an admission to ride along with."""


class Admission:
    """Admits and settles calls; one instance per worker, used from its event loop only."""

    def __init__(
        self,
        wire: RedisWire,
        *,
        emitter: Emitter,
        clock: Clock,
        workers: int = 1,
        timeout_s: float = 0.25,
        spend_reader: SpendReader | None = None,
        worker_id: str = "",
        grace_ms: int = GRACE_MS,
    ) -> None:
        self._wire = wire
        self._emitter = emitter
        self._clock = clock
        self._local = LocalLimiter(clock, workers)
        self._timeout_s = timeout_s
        self._waiting: list[WaitingCall] = []
        self._settling: list[Settlement] = []
        self._admit_scheduled = False
        self._alone = True
        """Whether the last call that asked was the only one of its turn."""
        self._settle_timer: asyncio.TimerHandle | None = None
        self._degraded = False
        self._in_flight = 0
        self._drained: asyncio.Future[None] | None = None
        self._confirming: asyncio.Task[None] | None = None
        self.queue = WaitingCalls(worker_id or uuid.uuid4().hex)
        self.spending = Spending(
            wire, reader=spend_reader, emitter=emitter, clock=clock, workers=workers, grace_ms=grace_ms
        )
        self._foresight = Foresight(workers)
        self._undecided = Undecided(
            self.spending, self.queue, ask_again=self._ask_again, leave_queues=self._leave_queues
        )
        wire.on_reconnected = self._reconnected

    @property
    def degraded(self) -> bool:
        """Whether the last decision was made without Redis."""
        return self._degraded

    async def admit(
        self,
        call_id: str,
        limits: list[AppliedLimit],
        *,
        lease_ms: int,
        fail_open: bool,
        budgets: list[AppliedBudget] | None = None,
        batch_class: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
        may_go_ahead: bool = False,
    ) -> Ticket:
        """Count the call in all its limits and budgets, or in none.

        ``meanwhile`` is work that has to be done anyway: it is called once, while Redis decides. ``batch_class`` calls
        wait behind all others where calls may wait for a place. With ``may_go_ahead`` a call that will surely be let in
        gets its ticket at once: before the caller is told anything of it, :meth:`confirm` has to be awaited.

        Raises:
            RateLimited: a limit is reached; ``details`` name it.
            BudgetExceeded: a hard budget is used up; ``details`` name it.
            DegradeWanted: a budget is used up whose action is to degrade; nothing is counted.
            ServiceUnavailable: Redis is down and the tenant fails closed, or a hard budget cannot be checked.
        """
        ticket = Ticket(call_id, limits, worker_id=self.queue.worker_id)
        if budgets:
            ticket.budgets = budgets
        elif not limits:
            meanwhile()
            return ticket
        ticket.queue_class = int(batch_class)
        if not self._wire.connected:
            meanwhile()
            return self._admit_locally(ticket, lease_ms, fail_open, "not connected")
        waiting = self._ask(ticket, lease_ms)
        if may_go_ahead and fail_open and self._goes_ahead(waiting):
            meanwhile()
            return ticket
        try:
            status = await self._decision(waiting, meanwhile)
        except (RedisUnavailable, RedisCommandError) as error:
            return self._admit_locally(ticket, lease_ms, fail_open, str(error))
        except (DegradeWanted, ServiceUnavailable):
            raise
        except BaseException:
            self._take_back(waiting)
            raise
        self._recovered()
        if status:
            raise self._refusal(ticket, status)
        return ticket

    async def _decision(self, waiting: WaitingCall, meanwhile: Callable[[], None]) -> int:
        if self._admit_scheduled:
            # The batch goes out at the end of this turn of the loop, with all others who ask in it.
            await asyncio.sleep(0)
        meanwhile()
        status = await waiting.decided
        return status if status >= 0 else await self._undecided.decide(waiting, status)

    def _goes_ahead(self, waiting: WaitingCall) -> bool:
        ticket = waiting.ticket
        if ticket.budgets or not self._foresight.lets_in(ticket.limits, self._clock.monotonic()):
            return False
        self._foresight.went_ahead(ticket.limits)
        waiting.ahead = True
        ticket.ahead = Ahead(waiting.decided, waiting.lease_ms)
        return True

    async def confirm(self, ticket: Ticket) -> None:
        """Wait until a call that went ahead is decided: what is left of its limits is known then."""
        if ticket.ahead is None:
            return
        try:
            refused_by = await ticket.ahead.decided
        except (RedisUnavailable, RedisCommandError) as error:
            self._became_degraded(str(error))
            ticket.degraded = True
            # The call is under way: it counts, and what this worker's share would have said is too late.
            self._local.admit(ticket.call_id, ticket.limits, ticket.ahead.lease_ms)
        else:
            self._recovered()
            if refused_by:
                log.warning("a call went ahead of its admission and was over its limit: %s", ticket.call_id)
        ticket.ahead = None

    def _ask(self, ticket: Ticket, lease_ms: int) -> WaitingCall:
        loop = asyncio.get_running_loop()
        waiting = WaitingCall(ticket, lease_ms, loop.create_future())
        self._waiting.append(waiting)
        if self._alone and not self._in_flight:
            # Few calls come: this one would wait a turn for company that does not come either.
            self._send_batch()
        elif not self._admit_scheduled:
            self._admit_scheduled = True
            loop.call_soon(self._send_batch)
        return waiting

    async def _ask_again(self, waiting: WaitingCall) -> int:
        """The script's status; ``waiting`` goes on standing for the call, so that it can be taken back."""
        again = self._ask(waiting.ticket, waiting.lease_ms)
        waiting.decided = again.decided
        try:
            return await again.decided
        finally:
            waiting.detail = again.detail
            if again.decided.cancelled() and again in self._waiting:
                self._waiting.remove(again)

    def _refusal(self, ticket: Ticket, position: int) -> GatewayError:
        if position <= len(ticket.limits):
            return refusal(ticket.limits[position - 1])
        return exceeded(ticket.budgets[position - len(ticket.limits) - 1], self._clock.now_ms())

    def _take_back(self, waiting: WaitingCall) -> None:
        waiting.decided.cancel()
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        else:
            # The batch is on its way to Redis: give the place back whether or not it was taken.
            self.settle(waiting.ticket, tokens=0)

    def _leave_queues(self, ticket: Ticket) -> None:
        left = [limit for limit in ticket.limits if limit.score]
        for limit in left:
            self._settling.append(release(limit, ticket))
        if left:
            self._settle_soon()

    # --- settling ------------------------------------------------------------------------------------

    def settle(self, ticket: Ticket, *, tokens: int, cost_nanousd: int = 0) -> None:
        """Give back the call's places, and replace its reserved tokens and cost by those it really used."""
        if ticket.ahead is not None and not self._still_counts(ticket):
            return
        if ticket.budgets:
            self._settle_budgets(ticket, cost_nanousd)
        if ticket.degraded:
            self._local.settle(ticket.call_id, ticket.limits, tokens)
        else:
            for limit in ticket.limits:
                if limit.spec.metric is LimitMetric.CONCURRENCY:
                    self._settling.append(release(limit, ticket))
                elif limit.spec.metric is LimitMetric.TOKENS and tokens != limit.cost:
                    self._settling.append(Settlement((limit.key,), ("w", limit.slot, tokens - limit.cost)))
        if self._settling:
            self._settle_soon()

    def _still_counts(self, ticket: Ticket) -> bool:
        """Whether Redis counts, or may yet count, a call that ended before it was decided."""
        assert ticket.ahead is not None
        ticket.ahead.decided.cancel()
        ticket.ahead = None
        unsent = next((one for one in self._waiting if one.ticket is ticket), None)
        if unsent is None:
            return True
        self._waiting.remove(unsent)
        self._foresight.decided(ticket.limits)
        return False

    def _settle_budgets(self, ticket: Ticket, cost: int) -> None:
        for budget in ticket.budgets:
            account = budget.account
            self.spending.ended(account, ticket.call_id, cost)
            if ticket.degraded:
                self.spending.shares.settle(budget, cost)
            # Also after a call that was admitted without Redis: it may have been told of the call since.
            args = ("s", ticket.call_id, cost, account.limit, account.thresholds)
            self._settling.append(Settlement(account.keys, args, account))

    def _settle_soon(self) -> None:
        if self._settle_timer is None:
            self._settle_timer = asyncio.get_running_loop().call_later(SETTLE_DELAY_S, self._send_batch)

    # --- beside the calls ----------------------------------------------------------------------------

    @property
    def channels(self) -> dict[str, Callable[[str], None]]:
        """Redis channels that this worker has to hear, and who takes the messages."""
        return {
            self._wire.channel(REBUILT_CHANNEL): self.spending.rebuilt,
            f"{CHANNEL_PREFIX}{self.queue.worker_id}": self.queue.call_next,
        }

    def messages_missed(self) -> None:
        """The channels are heard again: do what any message may have asked for."""
        self.spending.rebuilt()
        self.queue.call_all()

    def start(self) -> None:
        """Begin to confirm spending at intervals, until :meth:`stop`."""
        self._confirming = asyncio.create_task(self.spending.run(), name="spending")

    async def stop(self) -> None:
        """Settle what has ended."""
        if self._confirming is not None:
            self._confirming.cancel()
            await asyncio.gather(self._confirming, return_exceptions=True)
        await self.drain()

    async def drain(self) -> None:
        """Send what is still to be settled, and wait until it is."""
        # Calls that were answered in this turn of the loop settle at its end.
        await asyncio.sleep(0)
        self._send_batch()
        if self._in_flight:
            self._drained = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._drained}, timeout=self._timeout_s * 2)

    # --- the batch ------------------------------------------------------------------------------

    def _send_batch(self) -> None:
        if self._settle_timer is not None:
            self._settle_timer.cancel()
            self._settle_timer = None
        self._admit_scheduled = False
        waiting, self._waiting = self._waiting, []
        settling, self._settling = self._settling, []
        if waiting:
            self._alone = len(waiting) == 1
        while waiting or settling:
            self._send(self._batch(waiting[:MAX_BATCH], settling), "EVALSHA", ADMISSION.sha)
            waiting, settling = waiting[MAX_BATCH:], []

    def _batch(self, waiting: list[WaitingCall], settling: list[Settlement]) -> Batch:
        return Batch(waiting, settling, self._answered, self._failed, self._clock.monotonic())

    def _send(self, batch: Batch, command: str, script: str) -> None:
        keys, args = pack(batch.waiting, batch.settling)
        try:
            self._wire.submit(batch, command, script, len(keys), *keys, *args)
        except RedisUnavailable as error:
            self._lost(batch, error)
            return
        batch.timer = asyncio.get_running_loop().call_later(self._timeout_s, self._too_late, batch)
        self._in_flight += 1

    def _too_late(self, batch: Batch) -> None:
        # One call has waited; the next ones must not. The connection is used again once Redis has answered.
        batch.set_exception(RedisUnavailable("Redis did not answer in time."))
        self._wire.abandon()

    def _ended(self) -> None:
        self._in_flight -= 1
        if self._drained is not None and not self._in_flight and not self._drained.done():
            self._drained.set_result(None)

    def _answered(self, batch: Batch, reply: list[Any]) -> None:
        self._ended()
        try:
            replies, crossings = reply
            now = self._clock.monotonic()
            for waiting, answer in zip(batch.waiting, replies, strict=True):
                read_reply(waiting, answer, self.spending, now)
                self._foresight.heard(waiting.ticket.limits, batch.sent_at)
                if waiting.ahead:
                    self._foresight.decided(waiting.ticket.limits)
            for position, percent, consumed in crossings:
                account = batch.settling[position - 1].account
                assert account is not None
                self.spending.crossed(account, (percent,), consumed)
            for settlement in batch.settling:
                if settlement.account is not None:
                    self.spending.settled(settlement.account, settlement.args[1])
        except Exception:  # boundary: whatever goes wrong, nobody may wait for ever
            log.exception("admission failed")
            self._fail(batch, RedisUnavailable("Redis could not be asked."))

    def _failed(self, batch: Batch, error: Exception) -> None:
        self._ended()
        if isinstance(error, RedisUnavailable):
            self._lost(batch, error)
        elif str(error).startswith("NOSCRIPT"):
            self._send(self._batch(batch.waiting, batch.settling), "EVAL", ADMISSION.text)
        else:
            log.error("admission script failed: %s", error)
            self._fail(batch, error)

    def _lost(self, batch: Batch, error: RedisUnavailable) -> None:
        self.spending.shares.lost()
        self._keep_repeatable(batch)
        self._fail(batch, error)

    def _keep_repeatable(self, batch: Batch) -> None:
        """Keep for the next batch what may be done twice: giving places back, also those Redis may yet grant."""
        kept = [settlement for settlement in batch.settling if settlement.repeatable]
        for waiting in batch.waiting:
            ticket = waiting.ticket
            concurrent = (limit for limit in ticket.limits if limit.spec.metric is LimitMetric.CONCURRENCY)
            kept += [release(limit, ticket) for limit in concurrent]
        self._settling = [*kept, *self._settling][:MAX_UNSETTLED]

    def _fail(self, batch: Batch, error: Exception) -> None:
        for waiting in batch.waiting:
            if waiting.ahead:
                self._foresight.decided(waiting.ticket.limits)
            if not waiting.decided.done():
                waiting.decided.set_exception(error)

    # --- without Redis --------------------------------------------------------------------------

    def _admit_locally(self, ticket: Ticket, lease_ms: int, fail_open: bool, reason: str) -> Ticket:
        self._became_degraded(reason)
        if not fail_open:
            self._forget_budgets(ticket)
            raise ServiceUnavailable(
                "Limits cannot be checked right now and this tenant refuses calls when they cannot.",
                retry_after_s=2,
            )
        try:
            self.spending.admit_locally(ticket.budgets, ticket.call_id, lease_ms)
        except (DegradeWanted, ServiceUnavailable):
            self._forget_budgets(ticket)
            raise
        ticket.degraded = True
        refused = self._local.admit(ticket.call_id, ticket.limits, lease_ms)
        if refused is not None:
            self._forget_budgets(ticket)
            raise refusal(refused)
        return ticket

    def _became_degraded(self, reason: str) -> None:
        self.spending.shares.lost()
        if not self._degraded:
            self._set_degraded(True, reason)

    def _forget_budgets(self, ticket: Ticket) -> None:
        # Redis may have counted the call before it went away.
        if ticket.budgets:
            self._settle_budgets(ticket, 0)
            self._settle_soon()

    def _reconnected(self) -> None:
        self.spending.reconnected()
        self.queue.call_all()
        self._recovered()

    def _recovered(self) -> None:
        if self._degraded:
            self.spending.shares.found()
            self._set_degraded(False, "Redis answers again")

    def _set_degraded(self, degraded: bool, reason: str) -> None:
        self._degraded = degraded
        log.warning("admission limiter %s: %s", "degraded" if degraded else "recovered", reason)
        self._emitter.emit(LimiterDegraded(degraded=degraded, reason=reason), EventContext())
