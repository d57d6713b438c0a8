"""The system clock behind :class:`contracts.ports.Clock`."""

from __future__ import annotations

import time


class SystemClock:
    """Wall and monotonic time of this machine."""

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()
