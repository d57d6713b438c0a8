"""Limits inside one worker, for when Redis is down: the same rules, on this worker's share of each limit."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from contracts.ports import Clock
from contracts.specs import LimitMetric
from gateway.engine.limits import AppliedLimit

T = TypeVar("T")

MAX_SUBJECTS = 50_000
"""Counters kept; the least recently used goes first. Bounds memory under a flood of end-user ids."""


class _Window(msgspec.Struct):
    entries: deque[tuple[float, str, int]] = msgspec.field(default_factory=deque)
    """(monotonic time, call id, cost), oldest first."""
    total: int = 0

    def expire(self, before: float) -> None:
        while self.entries and self.entries[0][0] <= before:
            self.total -= self.entries.popleft()[2]


class _Places(msgspec.Struct):
    leases: dict[str, float] = msgspec.field(default_factory=dict)

    def expire(self, now: float) -> None:
        for call_id in [call_id for call_id, ends in self.leases.items() if ends <= now]:
            del self.leases[call_id]


class LocalLimiter:
    """Sliding windows and concurrency places in memory; a worker may use ``limit // workers``, at least 1."""

    def __init__(self, clock: Clock, workers: int) -> None:
        self._clock = clock
        self._workers = max(1, workers)
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._places: OrderedDict[str, _Places] = OrderedDict()

    def admit(self, call_id: str, limits: Sequence[AppliedLimit], lease_ms: int) -> AppliedLimit | None:
        """Count the call in all its limits and return None, or count nothing and return the limit that refused."""
        now = self._clock.monotonic()
        for limit in limits:
            used = self._used(limit, now)
            limit.remaining = max(0, self._share(limit) - used)
            if limit.cost > limit.remaining:
                limit.reset_ms = self._reset_ms(limit, now)
                return limit
        for limit in limits:
            limit.remaining -= limit.cost
            if limit.spec.metric is LimitMetric.CONCURRENCY:
                self._place(limit.key).leases[call_id] = now + lease_ms / 1000
            else:
                window = self._window(limit.key)
                window.entries.append((now, call_id, limit.cost))
                window.total += limit.cost
        return None

    def settle(self, call_id: str, limits: Sequence[AppliedLimit], tokens: int) -> None:
        """Give back places and correct the tokens counted."""
        now = self._clock.monotonic()
        for limit in limits:
            if limit.spec.metric is LimitMetric.CONCURRENCY:
                self._place(limit.key).leases.pop(call_id, None)
            elif limit.spec.metric is LimitMetric.TOKENS and tokens != limit.cost:
                window = self._window(limit.key)
                window.entries.append((now, call_id, tokens - limit.cost))
                window.total += tokens - limit.cost

    def _share(self, limit: AppliedLimit) -> int:
        return max(1, limit.spec.value // self._workers)

    def _used(self, limit: AppliedLimit, now: float) -> int:
        if limit.spec.metric is LimitMetric.CONCURRENCY:
            place = self._place(limit.key)
            place.expire(now)
            return len(place.leases)
        window = self._window(limit.key)
        window.expire(now - limit.spec.window_s)
        return window.total

    def _reset_ms(self, limit: AppliedLimit, now: float) -> int:
        if limit.spec.metric is LimitMetric.CONCURRENCY:
            return round((min(self._place(limit.key).leases.values(), default=now) - now) * 1000)
        entries = self._window(limit.key).entries
        return round((entries[0][0] + limit.spec.window_s - now) * 1000) if entries else 0

    def _window(self, key: str) -> _Window:
        return _recent(self._windows, key, _Window)

    def _place(self, key: str) -> _Places:
        return _recent(self._places, key, _Places)


def _recent(counters: OrderedDict[str, T], key: str, make: type[T]) -> T:
    found = counters.get(key)
    if found is None:
        found = counters[key] = make()
        if len(counters) > MAX_SUBJECTS:
            counters.popitem(last=False)
    else:
        counters.move_to_end(key)
    return found
