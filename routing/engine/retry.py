"""What to do after an attempt failed: again at the same target, at another one, or give up. Pure; time is handed in.

Delays are exponential with full jitter (AWS Architecture Blog, 'Exponential Backoff And Jitter', 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from contracts.errors import ProviderError, ProviderRateLimited, ProviderTimeout
from contracts.specs import RetrySpec


class Step(NamedTuple):
    """The next attempt: which of the plan's targets, and after how many seconds."""

    position: int
    delay_s: float


FIRST = Step(0, 0.0)


def full_jitter_s(spec: RetrySpec, tries: int, random: Random) -> float:
    """A delay before try number ``tries`` + 1 at a target: uniform between 0 and the capped exponential."""
    ceiling_ms = min(spec.cap_ms, spec.base_ms * 2 ** (tries - 1))
    return random.uniform(0.0, ceiling_ms) / 1000


class Retries:
    """The retry state of one call.

    A target that is rate-limited or timed out is left for an untried one at once; after other failures it is tried
    again first. When every target has been tried, the call comes back to the one that may be tried soonest.
    ``Retry-After`` is a lower bound of the delay, and no delay reaches beyond the deadline.
    """

    __slots__ = ("_not_before", "_out", "_random", "_spec", "_tries", "attempts")

    def __init__(self, spec: RetrySpec, targets: int, random: Random) -> None:
        self._spec = spec
        self._random = random
        self._tries = [0] * targets
        self._out = [False] * targets
        self._not_before = [0.0] * targets
        self.attempts = 0

    def started(self, index: int) -> None:
        """An attempt at this target begins."""
        self._tries[index] += 1
        self.attempts += 1

    def forgiven(self, index: int) -> None:
        """The attempt that failed is not counted: it had no fair chance."""
        self._tries[index] -= 1
        self.attempts -= 1

    def untried(self, index: int) -> bool:
        """Whether this target may still get its first attempt, and the call another attempt at all."""
        return not self._tries[index] and not self._out[index] and self.attempts < self._spec.max_attempts

    def blocked(self, index: int, *, now: float, deadline: float, usable: Callable[[int], bool]) -> Step | None:
        """The target could not even be tried (no slot, open circuit)."""
        self._out[index] = True
        if self.attempts >= self._spec.max_attempts:
            return None
        return self._fresh(usable) or self._come_back(now, deadline, usable)

    def note(self, index: int, error: ProviderError, now: float) -> None:
        """Remember a failure without deciding anything (the loser of a race)."""
        if not error.retryable or not error.failover or self._tries[index] >= self._spec.per_target:
            self._out[index] = True
        delay_s = full_jitter_s(self._spec, max(1, self._tries[index]), self._random)
        self._not_before[index] = now + max(delay_s, error.retry_after_s or 0.0)

    def failed(
        self, index: int, error: ProviderError, *, now: float, deadline: float, usable: Callable[[int], bool]
    ) -> Step | None:
        """The attempt at this target failed; None when the call is lost."""
        self.note(index, error, now)
        if not error.failover or self.attempts >= self._spec.max_attempts:
            return None
        if not self._out[index] and self._worth_staying(error) and usable(index):
            delay_s = self._not_before[index] - now
            if now + delay_s < deadline:
                return Step(index, delay_s)
        return self._fresh(usable) or self._come_back(now, deadline, usable)

    def _worth_staying(self, error: ProviderError) -> bool:
        if isinstance(error, ProviderRateLimited | ProviderTimeout):
            return False
        return (error.retry_after_s or 0.0) * 1000 <= self._spec.cap_ms

    def _fresh(self, usable: Callable[[int], bool]) -> Step | None:
        for index, tries in enumerate(self._tries):
            if not tries and not self._out[index] and usable(index):
                return Step(index, 0.0)
        return None

    def _come_back(self, now: float, deadline: float, usable: Callable[[int], bool]) -> Step | None:
        soonest: Step | None = None
        for index, out in enumerate(self._out):
            if out or not self._tries[index] or not usable(index):
                continue
            delay_s = max(0.0, self._not_before[index] - now)
            if now + delay_s < deadline and (soonest is None or delay_s < soonest.delay_s):
                soonest = Step(index, delay_s)
        return soonest
