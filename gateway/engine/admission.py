"""Admission: may this call go in now?

All calls that wait in one event-loop turn are admitted by one run of ``admission.lua``, together with the
settlements that have piled up; per call that costs a fraction of a Redis round trip. With Redis down the
decision falls to :mod:`gateway.engine.local_limiter` (or to a refusal, if the tenant wants that).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from contracts.errors import ServiceUnavailable
from contracts.events import EventContext, LimiterDegraded
from contracts.ports import Clock, Emitter
from contracts.specs import LimitMetric
from events.engine.redis_wire import RedisArg, RedisCommandError, RedisUnavailable, RedisWire
from gateway.engine.limits import AppliedLimit, Ticket, refusal
from gateway.engine.local_limiter import LocalLimiter

log = logging.getLogger(__name__)

SCRIPT = (Path(__file__).parent / "admission.lua").read_text(encoding="utf-8")
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

MAX_BATCH = 200
"""Calls per script run: keeps one run well under a millisecond of Redis's time."""

MAX_UNSETTLED = 2_000
"""Places to be given back that are kept through an outage of Redis; leases end what is beyond."""

SETTLE_DELAY_S = 0.005
"""Settlements wait this long for an admission to ride along with."""


Settlement = tuple[str, tuple[RedisArg, ...]]
"""A limit's key, and how the script is to correct it."""


class _Waiting(msgspec.Struct):
    ticket: Ticket
    lease_ms: int
    decided: asyncio.Future[int]
    """Holds 0 when admitted, else the 1-based position of the limit that refused."""


class _Batch(msgspec.Struct):
    waiting: list[_Waiting]
    settling: list[Settlement]


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
    ) -> None:
        self._wire = wire
        self._emitter = emitter
        self._local = LocalLimiter(clock, workers)
        self._timeout_s = timeout_s
        self._waiting: list[_Waiting] = []
        self._settling: list[Settlement] = []
        self._admit_scheduled = False
        self._settle_timer: asyncio.TimerHandle | None = None
        self._degraded = False
        self._in_flight: set[asyncio.Future[Any]] = set()
        wire.on_reconnected = self._recovered

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
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Ticket:
        """Count the call in all its limits, or in none.

        ``meanwhile`` is work that has to be done anyway: it is called once, while Redis decides.

        Raises:
            RateLimited: a limit is reached; ``details`` name it.
            ServiceUnavailable: Redis is down and the tenant fails closed.
        """
        ticket = Ticket(call_id, limits)
        if not limits or not self._wire.connected:
            meanwhile()
            return ticket if not limits else self._admit_locally(ticket, lease_ms, fail_open, "not connected")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(ticket, lease_ms, loop.create_future())
        self._waiting.append(waiting)
        if not self._admit_scheduled:
            self._admit_scheduled = True
            loop.call_soon(self._send_batch)
        try:
            # The batch goes out at the end of this turn of the loop, with all others who ask in it.
            await asyncio.sleep(0)
            meanwhile()
            refused = await waiting.decided
        except (RedisUnavailable, RedisCommandError) as error:
            return self._admit_locally(ticket, lease_ms, fail_open, str(error))
        except BaseException:
            self._take_back(waiting)
            raise
        self._recovered()
        if refused:
            raise refusal(limits[refused - 1])
        return ticket

    def _take_back(self, waiting: _Waiting) -> None:
        waiting.decided.cancel()
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        else:
            # The batch is on its way to Redis: give the place back whether or not it was taken.
            self.settle(waiting.ticket, tokens=0)

    def settle(self, ticket: Ticket, *, tokens: int) -> None:
        """Give back the call's places and replace its reserved tokens by those it really used."""
        if not ticket.limits:
            return
        if ticket.degraded:
            self._local.settle(ticket.call_id, ticket.limits, tokens)
            return
        for limit in ticket.limits:
            if limit.spec.metric is LimitMetric.CONCURRENCY:
                self._settling.append((limit.key, ("c", ticket.call_id)))
            elif limit.spec.metric is LimitMetric.TOKENS and tokens != limit.cost:
                self._settling.append((limit.key, ("w", limit.slot, tokens - limit.cost)))
        if self._settling and self._settle_timer is None:
            self._settle_timer = asyncio.get_running_loop().call_later(SETTLE_DELAY_S, self._send_batch)

    async def drain(self) -> None:
        """Send what is still to be settled; called at shutdown."""
        self._send_batch()
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._timeout_s * 2)

    # --- the batch ------------------------------------------------------------------------------

    def _send_batch(self) -> None:
        if self._settle_timer is not None:
            self._settle_timer.cancel()
            self._settle_timer = None
        self._admit_scheduled = False
        waiting, self._waiting = self._waiting, []
        settling, self._settling = self._settling, []
        while waiting or settling:
            self._send(_Batch(waiting[:MAX_BATCH], settling), "EVALSHA", SCRIPT_SHA)
            waiting, settling = waiting[MAX_BATCH:], []

    def _send(self, batch: _Batch, command: str, script: str) -> None:
        keys, args = _pack(batch.waiting, batch.settling)
        try:
            reply = self._wire.call(command, script, len(keys), *keys, *args)
        except RedisUnavailable as error:
            self._lost(batch, error)
            return
        # A batch is no task of its own: that would cost more than all the rest of it.
        timer = asyncio.get_running_loop().call_later(self._timeout_s, self._too_late, reply)
        self._in_flight.add(reply)
        reply.add_done_callback(partial(self._answered, batch, timer))

    def _too_late(self, reply: asyncio.Future[Any]) -> None:
        # One call has waited; the next ones must not. The connection is used again once Redis has answered.
        if not reply.done():
            reply.set_exception(RedisUnavailable("Redis did not answer in time."))
            self._wire.abandon()

    def _answered(self, batch: _Batch, timer: asyncio.TimerHandle, reply: asyncio.Future[Any]) -> None:
        timer.cancel()
        self._in_flight.discard(reply)
        try:
            replies = reply.result()
            for waiting, answer in zip(batch.waiting, replies, strict=True):
                _read_reply(waiting, answer)
        except RedisCommandError as error:
            if str(error).startswith("NOSCRIPT"):
                self._send(batch, "EVAL", SCRIPT)
                return
            log.error("admission script failed: %s", error)
            self._fail(batch, error)
        except (RedisUnavailable, asyncio.CancelledError) as error:
            self._lost(batch, RedisUnavailable(str(error)))
        except Exception:  # boundary: whatever goes wrong, nobody may wait for ever
            log.exception("admission failed")
            self._fail(batch, RedisUnavailable("Redis could not be asked."))

    def _lost(self, batch: _Batch, error: RedisUnavailable) -> None:
        self._keep_releases(batch)
        self._fail(batch, error)

    def _keep_releases(self, batch: _Batch) -> None:
        """Keep for the next batch what may be done twice: giving places back, also those Redis may yet grant."""
        kept = [release for release in batch.settling if release[1][0] == "c"]
        for waiting in batch.waiting:
            concurrent = (limit for limit in waiting.ticket.limits if limit.spec.metric is LimitMetric.CONCURRENCY)
            kept += [(limit.key, ("c", waiting.ticket.call_id)) for limit in concurrent]
        self._settling = [*kept, *self._settling][:MAX_UNSETTLED]

    @staticmethod
    def _fail(batch: _Batch, error: Exception) -> None:
        for waiting in batch.waiting:
            if not waiting.decided.done():
                waiting.decided.set_exception(error)

    # --- without Redis --------------------------------------------------------------------------

    def _admit_locally(self, ticket: Ticket, lease_ms: int, fail_open: bool, reason: str) -> Ticket:
        if not self._degraded:
            self._set_degraded(True, reason)
        if not fail_open:
            raise ServiceUnavailable(
                "Limits cannot be checked right now and this tenant refuses calls when they cannot.",
                retry_after_s=2,
            )
        ticket.degraded = True
        refused = self._local.admit(ticket.call_id, ticket.limits, lease_ms)
        if refused is not None:
            raise refusal(refused)
        return ticket

    def _recovered(self) -> None:
        if self._degraded:
            self._set_degraded(False, "Redis answers again")

    def _set_degraded(self, degraded: bool, reason: str) -> None:
        self._degraded = degraded
        log.warning("admission limiter %s: %s", "degraded" if degraded else "recovered", reason)
        self._emitter.emit(LimiterDegraded(degraded=degraded, reason=reason), EventContext())


def _pack(batch: Sequence[_Waiting], settling: Sequence[Settlement]) -> tuple[list[str], list[RedisArg]]:
    keys: list[str] = []
    args: list[RedisArg] = [len(settling)]
    for key, settlement in settling:
        keys.append(key)
        args.extend(settlement)
    args.append(len(batch))
    for waiting in batch:
        limits = waiting.ticket.limits
        args += (waiting.ticket.call_id, waiting.lease_ms, len(limits))
        for limit in limits:
            keys.append(limit.key)
            kind = "c" if limit.spec.metric is LimitMetric.CONCURRENCY else "w"
            args += (kind, limit.spec.value, limit.spec.window_s * 1000, limit.cost)
    return keys, args


def _read_reply(waiting: _Waiting, reply: list[Any]) -> None:
    for position, limit in enumerate(waiting.ticket.limits):
        limit.remaining, limit.reset_ms, limit.slot = reply[1 + position * 3 : 4 + position * 3]
    with contextlib.suppress(asyncio.InvalidStateError):
        waiting.decided.set_result(reply[0])
