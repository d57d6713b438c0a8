"""Percentiles of a histogram whose buckets grow by the same factor. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from events.traffic.measures import OCTAVE

PERCENTILES: Final = (0.5, 0.95, 0.99)


def bounds_ms(bucket: int) -> tuple[float, float]:
    """From and up to, not including; in milliseconds."""
    if bucket == 0:
        return 0.0, 1.0
    return 2.0 ** ((bucket - 1) / OCTAVE), 2.0 ** (bucket / OCTAVE)


def added(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """All of them together."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for bucket, calls in histogram.items():
            total[bucket] = total.get(bucket, 0) + calls
    return total


def percentiles_ms(histogram: Mapping[int, int], shares: Sequence[float] = PERCENTILES) -> list[float | None]:
    """What these shares of calls took at most, in milliseconds; None without calls.

    A figure lies in the same bucket as the exact one, so it is within nine per cent of it.
    """
    total = sum(histogram.values())
    if not total:
        return [None for _ in shares]
    ordered = sorted(histogram.items())
    return [_at(ordered, share * total) for share in shares]


def _at(ordered: Sequence[tuple[int, int]], rank: float) -> float:
    passed = 0
    for bucket, calls in ordered:
        if passed + calls >= rank:
            low, high = bounds_ms(bucket)
            within = (rank - passed) / calls
            return high * within if low == 0 else low * (high / low) ** within
        passed += calls
    return bounds_ms(ordered[-1][0])[1]
