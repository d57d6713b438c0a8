"""A target's circuit breaker: a pure state machine over a sliding window; time is handed in."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from contracts.specs import BreakerSpec

_BUCKETS = 10
DENIED = -1
"""What :meth:`Breaker.acquire` gives instead of a permit."""


class BreakerState(StrEnum):
    """Closed lets calls through, open refuses them, half-open lets a few probes through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Transition(msgspec.Struct, frozen=True):
    """A change of state and the figures behind it (``reason`` as in ``BreakerStateChanged``)."""

    old: BreakerState
    new: BreakerState
    reason: str
    failure_rate: float | None = None
    slow_call_rate: float | None = None
    calls: int = 0


class Window:
    """Calls, failures and slow calls of the last ``width_s`` seconds, in ten buckets that expire one by one."""

    __slots__ = ("_bucket_s", "_counts", "_index", "calls", "failures", "slow")

    def __init__(self, width_s: float) -> None:
        self._bucket_s = max(width_s, 0.001) / _BUCKETS
        self._counts = [[0, 0, 0] for _ in range(_BUCKETS)]
        self._index = 0
        self.calls = 0
        self.failures = 0
        self.slow = 0

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count one finished call."""
        index = int(now / self._bucket_s)
        if index != self._index:
            self._expire(index)
        bucket = self._counts[index % _BUCKETS]
        bucket[0] += 1
        self.calls += 1
        if failed:
            bucket[1] += 1
            self.failures += 1
        if slow:
            bucket[2] += 1
            self.slow += 1

    def clear(self) -> None:
        """Forget everything."""
        for bucket in self._counts:
            bucket[:] = [0, 0, 0]
        self.calls = self.failures = self.slow = 0

    def _expire(self, index: int) -> None:
        steps = min(index - self._index, _BUCKETS) if index > self._index else 0
        for step in range(steps):
            bucket = self._counts[(index - step) % _BUCKETS]
            self.calls -= bucket[0]
            self.failures -= bucket[1]
            self.slow -= bucket[2]
            bucket[:] = [0, 0, 0]
        self._index = max(index, self._index)


class Breaker:
    """One target's circuit in this worker.

    A permit is the number of the state's generation: the outcome of a call that was let through in an earlier
    generation says nothing about the present one and is ignored.
    """

    __slots__ = (
        "_by_peer",
        "_generation",
        "_listener",
        "_probes_ok",
        "_probes_out",
        "_until",
        "_window",
        "spec",
        "state",
    )

    def __init__(self, spec: BreakerSpec, listener: Callable[[Transition], None]) -> None:
        self.spec = spec
        self.state = BreakerState.CLOSED
        self._listener = listener
        self._window = Window(spec.window_s)
        self._generation = 0
        self._until = 0.0
        self._probes_out = 0
        self._probes_ok = 0
        self._by_peer = False

    def configure(self, spec: BreakerSpec) -> None:
        """Take new settings; the state stays, the window starts anew if its width changed."""
        if spec.window_s != self.spec.window_s:
            self._window = Window(spec.window_s)
        self.spec = spec

    def available(self, now: float) -> bool:
        """Whether :meth:`acquire` would give a permit now."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN:
            return now >= self._until
        return self._probes_out + self._probes_ok < self._probes_wanted

    def acquire(self, now: float) -> int:
        """A permit for one call, or ``DENIED``. Every permit goes back by exactly one of the three outcomes."""
        if self.state is BreakerState.CLOSED:
            return self._generation
        if self.state is BreakerState.OPEN:
            if now < self._until:
                return DENIED
            self._move(BreakerState.HALF_OPEN, "open_elapsed")
        if self._probes_out + self._probes_ok >= self._probes_wanted:
            return DENIED
        self._probes_out += 1
        return self._generation

    def succeeded(self, permit: int, latency_ms: float, now: float) -> None:
        """The call was answered after ``latency_ms`` (of a stream: its first token)."""
        if permit != self._generation:
            return
        slow = 0 < self.spec.slow_call_ms < latency_ms
        if self.state is BreakerState.HALF_OPEN:
            self._probed(failed=slow, now=now)
            return
        self._window.add(now, failed=False, slow=slow)
        if slow:
            self._judge(now)

    def failed(self, permit: int, now: float) -> None:
        """The call failed in a way that speaks against the target."""
        if permit != self._generation:
            return
        if self.state is BreakerState.HALF_OPEN:
            self._probed(failed=True, now=now)
            return
        self._window.add(now, failed=True, slow=False)
        self._judge(now)

    def abandoned(self, permit: int) -> None:
        """The call ended in a way that says nothing about the target."""
        if permit == self._generation and self.state is BreakerState.HALF_OPEN:
            self._probes_out -= 1

    def opened_by_peer(self, open_for_s: float, now: float) -> None:
        """Another worker opened its circuit; hold ours open for as long, or longer if it already was."""
        until = now + open_for_s
        if self.state is BreakerState.OPEN:
            self._until = max(self._until, until)
            return
        if open_for_s > 0:
            self._until = until
            self._move(BreakerState.OPEN, "peer")
            self._by_peer = True

    def closed_by_peer(self) -> None:
        """Another worker's probes succeeded: close again what was opened on a peer's word only."""
        if self._by_peer and self.state is not BreakerState.CLOSED:
            self._move(BreakerState.CLOSED, "peer")

    def retry_after_s(self, now: float) -> float:
        """Seconds until calls may be let through again; 0 when they may be now."""
        return max(0.0, self._until - now) if self.state is BreakerState.OPEN else 0.0

    @property
    def _probes_wanted(self) -> int:
        return max(1, self.spec.half_open_probes)

    def _probed(self, *, failed: bool, now: float) -> None:
        self._probes_out -= 1
        if failed:
            self._open("probe_failed", now)
            return
        self._probes_ok += 1
        if self._probes_ok >= self._probes_wanted:
            self._move(BreakerState.CLOSED, "probes_succeeded")

    def _judge(self, now: float) -> None:
        window, spec = self._window, self.spec
        if window.calls < spec.minimum_calls:
            return
        if window.failures / window.calls >= spec.failure_rate and window.failures:
            self._open("failure_rate", now)
        elif spec.slow_call_ms > 0 and window.slow / window.calls >= spec.slow_call_rate:
            self._open("slow_call_rate", now)

    def _open(self, reason: str, now: float) -> None:
        self._until = now + self.spec.open_s
        self._move(BreakerState.OPEN, reason)

    def _move(self, new: BreakerState, reason: str) -> None:
        window, old = self._window, self.state
        calls = window.calls
        transition = Transition(
            old,
            new,
            reason,
            failure_rate=window.failures / calls if calls else None,
            slow_call_rate=window.slow / calls if calls else None,
            calls=calls,
        )
        self.state = new
        self._generation += 1
        self._probes_out = self._probes_ok = 0
        if new is BreakerState.CLOSED or old is BreakerState.CLOSED or reason == "probe_failed":
            self._by_peer = False
        window.clear()
        self._listener(transition)
