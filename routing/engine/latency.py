"""Recent latencies of a target: percentiles over a sliding window and a peak-sensitive moving average."""

from __future__ import annotations

import math

_SAMPLES = 128
_WINDOW_S = 300.0
_FRESH_RECORDS = 16
_FRESH_S = 1.0
MINIMUM_SAMPLES = 10
"""Below this many recent samples no percentile is given: hedging and demotion need more than a rumour."""

_EWMA_TAU_S = 10.0
_IDLE_TAU_S = 30.0


class LatencyWindow:
    """The last 128 latencies (ms) of at most 5 minutes; percentiles are cached for 16 records or 1 s.

    The average is Finagle's peak EWMA: it jumps up to a sample above it at once and comes down over about 10 s, so
     that a target which has just become slow is left quickly and trusted again slowly.
    """

    __slots__ = ("_at", "_cached_at", "_count", "_ewma", "_last", "_p50", "_p95", "_since_sort", "_values")

    def __init__(self) -> None:
        self._values: list[float] = []
        self._at: list[float] = []
        self._count = 0
        self._ewma = 0.0
        self._last = 0.0
        self._since_sort = _FRESH_RECORDS
        self._cached_at = -math.inf
        self._p50: float | None = None
        self._p95: float | None = None

    def record(self, latency_ms: float, now: float) -> None:
        """Add one success; ``now`` in seconds of a monotonic clock."""
        if self._count < _SAMPLES:
            self._values.append(latency_ms)
            self._at.append(now)
        else:
            place = self._count % _SAMPLES
            self._values[place] = latency_ms
            self._at[place] = now
        if latency_ms >= self._ewma:
            self._ewma = latency_ms
        else:
            kept = math.exp((self._last - now) / _EWMA_TAU_S)
            # Many samples in one instant must still bring it down a little, or it would stay at its peak.
            kept = min(kept, 0.98)
            self._ewma = self._ewma * kept + latency_ms * (1.0 - kept)
        self._last = now
        self._count += 1
        self._since_sort += 1

    @property
    def known(self) -> bool:
        """Whether anything has been recorded."""
        return self._count > 0

    def average(self, now: float) -> float:
        """The peak EWMA in ms, fading to 0 over an idle half minute so that a shunned target is tried again."""
        if not self._count:
            return 0.0
        idle = now - self._last
        return self._ewma if idle <= 0 else self._ewma * math.exp(-idle / _IDLE_TAU_S)

    def p50(self, now: float) -> float | None:
        """The median in ms; None with fewer than 10 recent samples."""
        self._refresh(now)
        return self._p50

    def p95(self, now: float) -> float | None:
        """The 95th percentile in ms; None with fewer than 10 recent samples."""
        self._refresh(now)
        return self._p95

    def _refresh(self, now: float) -> None:
        if self._since_sort < _FRESH_RECORDS and now - self._cached_at < _FRESH_S:
            return
        oldest = now - _WINDOW_S
        recent = sorted(value for value, at in zip(self._values, self._at, strict=True) if at >= oldest)
        self._since_sort = 0
        self._cached_at = now
        if len(recent) < MINIMUM_SAMPLES:
            self._p50 = self._p95 = None
            return
        self._p50 = _nearest_rank(recent, 0.50)
        self._p95 = _nearest_rank(recent, 0.95)


def _nearest_rank(ordered: list[float], quantile: float) -> float:
    return ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]
