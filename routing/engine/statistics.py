"""What this worker knows of each target: circuit, slots, latencies. Kept while the target is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from contracts.specs import TargetSpec
from routing.engine.breaker import Breaker, BreakerState, Transition
from routing.engine.latency import LatencyWindow
from routing.engine.slots import Slots

_KEPT = 10_000
"""Targets held at most, busy ones and open circuits aside: about 4 kB each."""


class TargetSnapshot(msgspec.Struct, frozen=True):
    """One target as shown in ``/health/detailed``; latencies in ms, None where too little is known."""

    target_id: str
    target: str
    breaker: str
    retry_after_s: float
    in_flight: int
    waiting: int
    max_in_flight: int
    latency_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    first_token_p95_ms: float | None


class TargetState:
    """One target's state in this worker."""

    __slots__ = ("breaker", "first_token", "last_used", "latency", "slots", "target")

    def __init__(self, target: TargetSpec, slots: Slots, listener: Callable[[TargetState, Transition], None]) -> None:
        self.target = target
        self.breaker = Breaker(target.breaker, lambda transition: listener(self, transition))
        self.slots = slots
        self.latency = LatencyWindow()
        """Whole answers."""
        self.first_token = LatencyWindow()
        """Streams, to their first output."""
        self.last_used = 0.0

    @property
    def idle(self) -> bool:
        """Whether forgetting this state would lose nothing but statistics."""
        return not self.slots.in_flight and not self.slots.waiting and self.breaker.state is BreakerState.CLOSED

    def snapshot(self, now: float) -> TargetSnapshot:
        """A copy for people."""
        return TargetSnapshot(
            target_id=self.target.id,
            target=self.target.label,
            breaker=self.breaker.state.value,
            retry_after_s=round(self.breaker.retry_after_s(now), 3),
            in_flight=self.slots.in_flight,
            waiting=self.slots.waiting,
            max_in_flight=self.slots.limit,
            latency_ms=round(self.latency.average(now), 3) if self.latency.known else None,
            p50_ms=self.latency.p50(now),
            p95_ms=self.latency.p95(now),
            first_token_p95_ms=self.first_token.p95(now),
        )


class TargetStates:
    """All targets this worker has served lately, by id."""

    def __init__(self, *, workers: int, listener: Callable[[TargetState, Transition], None]) -> None:
        self._workers = max(1, workers)
        self._listener = listener
        self._states: dict[str, TargetState] = {}

    def of(self, target: TargetSpec, now: float) -> TargetState:
        """The target's state, made on first use and adjusted when the target's settings have changed."""
        state = self._states.get(target.id)
        if state is None:
            state = self._add(target)
        elif state.target is not target:
            self._adjust(state, target)
        state.last_used = now
        return state

    def find(self, target_id: str) -> TargetState | None:
        """The state, if there is one."""
        return self._states.get(target_id)

    def __iter__(self) -> Iterator[TargetState]:
        return iter(list(self._states.values()))

    def _add(self, target: TargetSpec) -> TargetState:
        if len(self._states) >= _KEPT:
            self._forget()
        limit, max_queue = self._share(target)
        state = self._states[target.id] = TargetState(target, Slots(limit, max_queue), self._listener)
        return state

    def _adjust(self, state: TargetState, target: TargetSpec) -> None:
        state.target = target
        if state.breaker.spec != target.breaker:
            state.breaker.configure(target.breaker)
        share = self._share(target)
        if share != (state.slots.limit, state.slots.max_queue):
            state.slots.resize(*share)

    def _share(self, target: TargetSpec) -> tuple[int, int]:
        """One worker's part of the instance's limits, rounded up so that none is left without a slot."""
        provider = target.provider
        return -(-provider.max_in_flight // self._workers), -(-provider.max_queue // self._workers)

    def _forget(self) -> None:
        idle = sorted((state for state in self._states.values() if state.idle), key=lambda state: state.last_used)
        for state in idle[: _KEPT // 10]:
            del self._states[state.target.id]
