"""One call through its plan: attempt after attempt, or two at once, until one answers or none is left."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Generic, TypeVar

from contracts.errors import (
    DeadlineExceeded,
    GatewayError,
    InternalError,
    NoTargetAvailable,
    ProviderAuthFailed,
    ProviderError,
)
from contracts.events import FallbackUsed, HedgeStarted
from contracts.ports import Clock, CredentialRenewer, Emitter
from contracts.specs import RouteSpec
from routing.engine.attempt import CLIENT_LEFT, HEDGE_LOST, Attempt, TargetBlocked
from routing.engine.call import EngineCall, Plan
from routing.engine.hedge import race
from routing.engine.operations import Operation
from routing.engine.renewal import Renewals
from routing.engine.retry import FIRST, Retries, Step
from routing.engine.statistics import TargetStates

T = TypeVar("T")

_QUEUE_PATIENCE = 0.5
"""Part of the remaining time that a call waits for a slot at a target while another target is still untried."""

_FULL_RETRY_S = 1.0
"""``Retry-After`` for a call that found every target full: about the time of one short answer."""


class Drive(Generic[T]):
    """Drives one call; made for it and thrown away with it."""

    __slots__ = (
        "_call",
        "_clock",
        "_deadline",
        "_emitter",
        "_error",
        "_operation",
        "_plan",
        "_reason",
        "_renewals",
        "_retries",
        "_states",
        "_total_s",
    )

    def __init__(
        self,
        plan: Plan,
        call: EngineCall,
        operation: Operation[T],
        *,
        deadline: float,
        states: TargetStates,
        clock: Clock,
        emitter: Emitter,
        random: Random,
        credentials: CredentialRenewer | None = None,
    ) -> None:
        self._plan = plan
        self._call = call
        self._operation = operation
        self._deadline = deadline
        self._states = states
        self._clock = clock
        self._emitter = emitter
        self._retries = Retries(plan.route.retry, len(plan.targets), random)
        self._total_s = plan.route.total_timeout_ms / 1000
        if plan.route.max_latency_ms is not None:
            self._total_s = min(self._total_s, plan.route.max_latency_ms / 1000)
        self._renewals = Renewals(credentials)
        self._error: GatewayError | None = None
        self._reason = ""

    async def run(self) -> T:
        """The first answer.

        Raises:
            ProviderError: the last failure, when no attempt is left or none would help.
            NoTargetAvailable: no target could be tried at all.
            DeadlineExceeded: the call's time is up.
        """
        step = FIRST
        while True:
            outcome = await self._try(step.position)
            if not isinstance(outcome, Step):
                return outcome
            if outcome.position != step.position:
                self._tell_move(step.position, outcome.position)
            if outcome.delay_s > 0:
                await self._back_off(outcome.delay_s)
            step = outcome

    async def _try(self, index: int) -> T | Step:
        attempt = self._attempt(index)
        try:
            if attempt.slot_free:
                attempt.begin_now()
            else:
                await attempt.begin(self._patience_s(index))
        except TargetBlocked as blocked:
            return self._after_block(index, blocked)
        self._retries.started(index)
        try:
            if self._hedgeable(index):
                return await self._raced(attempt, index)
            return await self._operation(attempt)
        except ProviderAuthFailed as error:
            return await self._after_refusal(attempt, index, error)
        except GatewayError as error:
            return self._after_failure(attempt, index, error)
        except asyncio.CancelledError:
            attempt.cancelled(CLIENT_LEFT)
            raise
        except Exception:
            attempt.failed(InternalError("Internal error."))
            raise

    def _attempt(self, index: int, *, hedge: bool = False) -> Attempt:
        target = self._plan.targets[index]
        now = self._clock.monotonic()
        if now >= self._deadline:
            raise DeadlineExceeded("The call's time was up before any target answered.") from self._error
        return Attempt(
            target,
            self._states.of(target, now),
            self._call,
            deadline=self._deadline,
            total_s=self._total_s,
            clock=self._clock,
            emitter=self._emitter,
            hedge=hedge,
        )

    def _patience_s(self, index: int) -> float:
        remaining_s = self._deadline - self._clock.monotonic()
        elsewhere = any(other != index and self._retries.untried(other) for other in range(len(self._plan.targets)))
        return remaining_s * _QUEUE_PATIENCE if elsewhere else remaining_s

    def _usable(self, index: int) -> bool:
        now = self._clock.monotonic()
        return self._states.of(self._plan.targets[index], now).breaker.available(now)

    # --- after an attempt --------------------------------------------------------------------------

    async def _after_refusal(self, attempt: Attempt, index: int, error: ProviderAuthFailed) -> Step:
        """Once more at the same target if the credential turns out to have been replaced."""
        try:
            renewed = await self._renewals.renewed(attempt, error)
        except asyncio.CancelledError:
            attempt.cancelled(CLIENT_LEFT)
            raise
        if not renewed:
            return self._after_failure(attempt, index, error)
        self._retries.forgiven(index)
        attempt.settle(error, blame=False)
        attempt.failed(error, retry_in_s=0.0)
        return Step(index, 0.0)

    def _after_failure(self, attempt: Attempt, index: int, error: GatewayError) -> Step:
        step: Step | None = None
        # The breaker must have heard of the failure before it is asked whether the target may be tried again.
        attempt.settle(error)
        if isinstance(error, ProviderError):
            now = self._clock.monotonic()
            step = self._retries.failed(index, error, now=now, deadline=self._deadline, usable=self._usable)
        attempt.failed(error, retry_in_s=step.delay_s if step is not None else None)
        if step is None:
            raise error
        self._error, self._reason = error, error.code
        return step

    def _after_block(self, index: int, blocked: TargetBlocked) -> Step:
        now = self._clock.monotonic()
        step = self._retries.blocked(index, now=now, deadline=self._deadline, usable=self._usable)
        if step is not None:
            self._reason = blocked.reason
            return step
        if self._error is not None:
            raise self._error
        if now >= self._deadline:
            raise DeadlineExceeded("The call's time was up while it waited for a free place at the provider.")
        raise none_available(self._plan.route, self._states, now)

    def _tell_move(self, old: int, new: int) -> None:
        self._call.fallback_used = True
        targets = self._plan.targets
        self._emitter.emit(
            FallbackUsed(from_target=targets[old].label, to_target=targets[new].label, reason=self._reason),
            self._call.context,
        )

    async def _back_off(self, delay_s: float) -> None:
        started = self._clock.monotonic()
        try:
            await asyncio.sleep(delay_s)
        finally:
            self._call.upstream_wait_s += self._clock.monotonic() - started

    # --- hedging -----------------------------------------------------------------------------------

    def _hedgeable(self, index: int) -> bool:
        return self._plan.route.hedge and self._operation.hedgeable and self._hedge_index(index) is not None

    def _hedge_index(self, index: int) -> int | None:
        for other in range(len(self._plan.targets)):
            if other != index and self._retries.untried(other) and self._usable(other):
                return other
        return None

    async def _raced(self, attempt: Attempt, index: int) -> T:
        now = self._clock.monotonic()
        after_ms = self._states.of(attempt.target, now).latency.p95(now)
        if after_ms is None:
            return await self._operation(attempt)
        waited_before_s = self._call.upstream_wait_s

        def hedge_of() -> Attempt | None:
            return self._begin_hedge(attempt, index, after_ms)

        try:
            return await race(attempt, self._operation, after_s=after_ms / 1000, hedge_of=hedge_of, lost=self._lost)
        finally:
            # Both attempts counted their waiting; the call waited only once.
            self._call.upstream_wait_s = waited_before_s + self._clock.monotonic() - now

    def _begin_hedge(self, slow: Attempt, index: int, after_ms: float) -> Attempt | None:
        other = self._hedge_index(index)
        if other is None:
            return None
        hedge = self._attempt(other, hedge=True)
        try:
            hedge.begin_now()
        except TargetBlocked:
            return None
        self._retries.started(other)
        self._emitter.emit(
            HedgeStarted(slow_target=slow.target.label, hedge_target=hedge.target.label, after_ms=round(after_ms, 3)),
            self._call.context,
        )
        return hedge

    def _lost(self, attempt: Attempt, error: GatewayError | None) -> None:
        """A racer is out: beaten (None), or failed while the other still runs."""
        if error is None:
            attempt.cancelled(HEDGE_LOST)
            return
        attempt.failed(error)
        if isinstance(error, ProviderError):
            index = self._plan.targets.index(attempt.target)
            self._retries.note(index, error, self._clock.monotonic())


def none_available(route: RouteSpec, states: TargetStates, now: float) -> NoTargetAvailable:
    """The error for a call that no target of its route can be tried for, with when to come back."""
    if not route.targets:
        return NoTargetAvailable(f"The route {route.name!r} has no enabled target.")
    waits = [states.of(target, now).breaker.retry_after_s(now) or _FULL_RETRY_S for target in route.targets]
    return NoTargetAvailable(
        f"Every target of the route {route.name!r} is busy or suspended after failures.", retry_after_s=min(waits)
    )
