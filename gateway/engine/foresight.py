"""Which calls Redis will surely let in: they go on to their provider while it counts them.

Redis decides about every call. Where all limits of a call are far from reached it is known what it will say, and
whoever waited would wait for a round trip and no more. So much has to be left of each limit, by what Redis last said:

* half of the limit, and
* more than all workers together can have asked for since the question was sent to which that was the answer
  (:data:`MOST_PER_S` of each of them, and :data:`AT_ONCE`), at what this call costs.

Calls of this worker about which Redis has not decided yet are taken off first. Budgets are never foreseen: money is
counted before it is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.engine.limits import AppliedLimit

MOST_PER_S: Final = 4_000
"""Calls that a worker can ask about in a second at most: about twice what ``bench.run`` gets through one."""
AT_ONCE: Final = 16
"""Questions of a worker that may be on their way at any instant."""
MAX_AGE_S: Final = 1.0
MAX_KNOWN: Final = 20_000
"""Counters remembered: those of end users can be very many."""


class Heard(msgspec.Struct):
    """What Redis last said of one counter."""

    value: int
    """The limit by then."""
    left: int
    asked_at: float
    """``Clock.monotonic`` instant at which the question was sent."""
    undecided: int = 0
    """What this worker's calls cost that went on and are not decided yet."""


class Foresight:
    """What one worker knows of the limits of its calls."""

    def __init__(self, workers: int) -> None:
        self._workers = max(1, workers)
        self._heard: dict[str, Heard] = {}

    def heard(self, limits: Sequence[AppliedLimit], asked_at: float) -> None:
        """Redis has answered a question that was sent at ``asked_at``; the limits say what is left."""
        for limit in limits:
            known = self._heard.get(limit.key)
            if known is None:
                if len(self._heard) >= MAX_KNOWN:
                    self._heard.clear()
                self._heard[limit.key] = Heard(limit.spec.value, limit.remaining, asked_at)
            else:
                known.value, known.left, known.asked_at = limit.spec.value, limit.remaining, asked_at

    def lets_in(self, limits: Sequence[AppliedLimit], now: float) -> bool:
        """Whether Redis will surely let a call in."""
        for limit in limits:
            spec, known = limit.spec, self._heard.get(limit.key)
            if known is None or spec.max_wait_ms or known.value != spec.value:
                return False
            age_s = now - known.asked_at
            if age_s > MAX_AGE_S:
                return False
            others = self._workers * (AT_ONCE + MOST_PER_S * age_s) * limit.cost
            if known.left - known.undecided - limit.cost < max(spec.value / 2, others):
                return False
        return True

    def went_ahead(self, limits: Sequence[AppliedLimit]) -> None:
        """A call goes on that is not decided yet."""
        for limit in limits:
            self._heard[limit.key].undecided += limit.cost

    def decided(self, limits: Sequence[AppliedLimit]) -> None:
        """It is decided, or will never be."""
        for limit in limits:
            known = self._heard.get(limit.key)
            if known is not None:
                known.undecided = max(0, known.undecided - limit.cost)
