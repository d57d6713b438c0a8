"""How much of a busy platform one connection gets: so many events a second, in so many frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MOST_EVENTS_PER_S: Final = 1_000
"""What a session's connection gets at most; a page shows fewer to anybody who reads."""


class RateCap:
    """A token bucket that holds one second's worth. None: no cap."""

    def __init__(self, per_s: int | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self._monotonic = monotonic
        self._left = float(per_s or 0)
        self._at = monotonic()

    def admit(self) -> bool:
        """Whether one more event may go."""
        if self.per_s is None:
            return True
        now = self._monotonic()
        self._left = min(float(self.per_s), self._left + (now - self._at) * self.per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Beat:
    """Spaces what is sent: at once after a pause, else when ``interval_s`` have passed since the last time."""

    def __init__(self, interval_s: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.interval_s = interval_s
        self._monotonic = monotonic
        self._last = float("-inf")

    def wait_s(self) -> float:
        """How long to wait before sending, in seconds."""
        return max(0.0, self._last + self.interval_s - self._monotonic())

    def sent(self) -> None:
        """Something was sent now."""
        self._last = self._monotonic()
