"""One try at one target: takes a slot and a breaker permit, gives both back exactly once, and tells what happened."""

from __future__ import annotations

import time

from contracts.chat import Usage
from contracts.errors import DeadlineExceeded, GatewayError, ProviderError, ProviderTimeout
from contracts.events import AttemptCancelled, AttemptCompleted, AttemptFailed
from contracts.ids import new_span_id
from contracts.ports import Clock, Emitter, UpstreamRequest
from contracts.specs import TargetSpec
from routing.engine.breaker import DENIED
from routing.engine.call import AttemptRecord, EngineCall
from routing.engine.latency import LatencyWindow
from routing.engine.scrub import scrub
from routing.engine.statistics import TargetState

CLIENT_LEFT = "client_disconnected"
HEDGE_LOST = "hedge_lost"
OUTPUT_CAP_REACHED = "output_cap_reached"
"""The answer went beyond what its budget pays for."""

_DEFAULT_CONNECT_TIMEOUT_MS = UpstreamRequest("", "", (), b"").connect_timeout_ms


class TargetBlocked(Exception):
    """The target cannot be tried now; ``reason`` as in ``SkippedTarget``. Never leaves the engine."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Attempt:
    """Begin it, then end it by exactly one of :meth:`succeeded`, :meth:`failed`, :meth:`cancelled`.

    A second ending is ignored, so that a boundary may end what may have ended already.
    """

    __slots__ = (
        "_begun_at",
        "_clock",
        "_emitter",
        "_open",
        "_permit",
        "_state",
        "_total_s",
        "_untold",
        "call",
        "credential_version",
        "deadline",
        "record",
        "target",
    )

    def __init__(
        self,
        target: TargetSpec,
        state: TargetState,
        call: EngineCall,
        *,
        deadline: float,
        total_s: float,
        clock: Clock,
        emitter: Emitter,
        hedge: bool = False,
    ) -> None:
        self.target = target
        self.call = call
        self.deadline = deadline
        """``Clock.monotonic`` instant at which the answer (of a stream, its first output) must be there."""
        self.record = AttemptRecord(number=0, target=target, hedge=hedge)
        self._state = state
        self._total_s = total_s
        self._clock = clock
        self._emitter = emitter
        self._open = False
        self._untold = False
        self._permit = DENIED
        self._begun_at = 0.0
        self.credential_version = 0
        """Which value of the provider's credential the attempt is made with."""

    # --- beginning ---------------------------------------------------------------------------------

    @property
    def slot_free(self) -> bool:
        """Whether :meth:`begin_now` would find a slot."""
        slots = self._state.slots
        return slots.in_flight < slots.limit and not slots.waiting

    async def begin(self, wait_s: float) -> None:
        """Take a slot, waiting for it at most so long, and a breaker permit.

        Raises:
            TargetBlocked: no slot came, or the circuit is open.
        """
        await self._wait_for_slot(wait_s)
        self._enter()

    def begin_now(self) -> None:
        """Take a slot and a breaker permit.

        Raises:
            TargetBlocked: no slot is free, or the circuit is open.
        """
        if not self._state.slots.try_acquire():
            raise TargetBlocked("full")
        self._enter()

    def _enter(self) -> None:
        now = self._clock.monotonic()
        self._permit = self._state.breaker.acquire(now)
        if self._permit == DENIED:
            self._state.slots.release()
            raise TargetBlocked("breaker_open")
        self._begun_at = now
        self._open = True
        credential = self.target.provider.credential
        if credential is not None:
            self.credential_version = credential.version
        record, attempts = self.record, self.call.attempts
        record.started_at_ns = time.time_ns()
        record.span_id = new_span_id()
        attempts.append(record)
        record.number = len(attempts)

    async def _wait_for_slot(self, wait_s: float) -> None:
        started = self._clock.monotonic()
        try:
            got = await self._state.slots.wait(wait_s)
        finally:
            waited_s = self._clock.monotonic() - started
            self.call.upstream_wait_s += waited_s
        self.record.queue_ms = waited_s * 1000
        if not got:
            raise TargetBlocked("full")

    # --- while it runs -----------------------------------------------------------------------------

    def outgoing(self, request: UpstreamRequest) -> UpstreamRequest:
        """The request as it goes out: with the trace's context and the provider's connect timeout."""
        headers = request.headers
        parent = self.call.traceparent
        if parent is not None:
            # version-traceid-parent-flags: the parent of what the provider does is this attempt.
            headers = (*headers, ("traceparent", f"{parent[:36]}{self.record.span_id}{parent[52:]}"))
        connect_timeout_ms = self.target.provider.connect_timeout_ms
        if headers is request.headers and connect_timeout_ms == _DEFAULT_CONNECT_TIMEOUT_MS:
            return request
        return UpstreamRequest(request.method, request.url, headers, request.body, connect_timeout_ms)

    def allowance_s(self, wanted_ms: int) -> float:
        """Seconds until ``wanted_ms`` from now or the deadline, whichever is sooner; never negative."""
        return max(0.0, min(wanted_ms / 1000, self.deadline - self._clock.monotonic()))

    def timed_out(self, wanted_ms: int, allowed_s: float, what: str) -> GatewayError:
        """The error for an allowance that ran out: the target's fault, or the deadline's."""
        if allowed_s * 1000 < wanted_ms:
            return DeadlineExceeded(f"The call's time was up before {self.target.label} gave {what}.")
        return ProviderTimeout(f"{self.target.label} did not give {what} within {wanted_ms} ms.")

    def waited(self, since: float) -> None:
        """Count the time since ``since`` (a ``Clock.monotonic`` instant) as spent waiting for the provider."""
        self.call.upstream_wait_s += self._clock.monotonic() - since

    def first_output(self) -> None:
        """The stream's first output is here."""
        self.record.first_token_ms = (self._clock.monotonic() - self._begun_at) * 1000

    # --- ending ------------------------------------------------------------------------------------

    def succeeded(self, usage: Usage | None, status: int = 200) -> None:
        """The answer is here, to its last byte."""
        if not self._open:
            return
        now = self._end()
        record, state = self.record, self._state
        latency_ms, window = self._latency(state)
        window.record(latency_ms, now)
        state.breaker.succeeded(self._permit, latency_ms, now)
        record.upstream_status = status
        target = self.target
        self._emitter.emit(
            AttemptCompleted(
                attempt=record.number,
                target_id=target.id,
                provider=target.provider.name,
                model=target.model.name,
                duration_ms=round(record.duration_ms, 3),
                first_token_ms=round(record.first_token_ms, 3) if record.first_token_ms is not None else None,
                queue_ms=round(record.queue_ms, 3),
                hedge=record.hedge,
                upstream_status=status,
                input_tokens=usage.input_tokens if usage is not None else 0,
                output_tokens=usage.output_tokens if usage is not None else 0,
            ),
            self.call.context,
        )

    def settle(self, error: GatewayError, *, blame: bool = True) -> None:
        """Give slot and permit back after a failure, ahead of :meth:`failed`, which tells of it.

        ``blame`` tells whether the breaker may hear of it.
        """
        if not self._open:
            return
        now = self._end()
        if blame and self._counts(error):
            self._state.breaker.failed(self._permit, now)
        else:
            self._state.breaker.abandoned(self._permit)
        self._untold = True

    def failed(self, error: GatewayError, *, retry_in_s: float | None = None) -> None:
        """No answer; ``retry_in_s`` is None when nothing further will be tried."""
        scrub(error, self.target.provider.credential)
        self.settle(error)
        if not self._untold:
            return
        self._untold = False
        record, target = self.record, self.target
        record.error_code = error.code
        record.upstream_status = error.upstream_status if isinstance(error, ProviderError) else None
        self._emitter.emit(
            AttemptFailed(
                attempt=record.number,
                target_id=target.id,
                provider=target.provider.name,
                model=target.model.name,
                duration_ms=round(record.duration_ms, 3),
                queue_ms=round(record.queue_ms, 3),
                hedge=record.hedge,
                error_code=error.code,
                error_message=error.message,
                upstream_status=record.upstream_status,
                will_retry=retry_in_s is not None,
                retry_in_ms=round(retry_in_s * 1000, 3) if retry_in_s is not None else None,
            ),
            self.call.context,
        )

    def cancelled(self, reason: str) -> None:
        """Given up on our side; says nothing about the target."""
        if not self._open:
            return
        self._end()
        self._state.breaker.abandoned(self._permit)
        record, target = self.record, self.target
        record.error_code = "CANCELLED"
        self._emitter.emit(
            AttemptCancelled(
                attempt=record.number,
                target_id=target.id,
                provider=target.provider.name,
                model=target.model.name,
                duration_ms=round(record.duration_ms, 3),
                reason=reason,
            ),
            self.call.context,
        )

    def _end(self) -> float:
        self._open = False
        now = self._clock.monotonic()
        self.record.duration_ms = (now - self._begun_at) * 1000
        self._state.slots.release()
        return now

    def _latency(self, state: TargetState) -> tuple[float, LatencyWindow]:
        if self.record.first_token_ms is not None:
            return self.record.first_token_ms, state.first_token
        return self.record.duration_ms, state.latency

    def _counts(self, error: GatewayError) -> bool:
        """Whether the breaker hears of it. A deadline is the target's fault only if it had most of the time."""
        if isinstance(error, DeadlineExceeded):
            fair_ms = min(self.target.provider.timeout_ms, self._total_s * 500)
            return self.record.duration_ms >= fair_ms
        return isinstance(error, ProviderError) and error.counts_against_target
