"""By how much a figure of one stretch differs from that of the stretch before, and whether that is more than chance.

Calls of the same hour are no independent draws: an outage fails thousands at once, and an interval over single calls
would prove something every week. What is drawn are whole steps (days of a week, hours of a day), each together with the
same step of the stretch before, so that weekends are held to weekends. The interval is that of the jackknife which
leaves out one such pair at a time (Kott, *The Delete-a-Group Jackknife*, 2001), with Student's *t* of one less than
there are pairs; it holds for shares, means and percentiles alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

Step = TypeVar("Step")
FEWEST_PAIRS: Final = 5
"""Fewer steps say too little of how far they scatter."""
CONFIDENCE: Final = 0.95


class Difference(msgspec.Struct, frozen=True):
    """Two figures and where their difference lies; ends are None where that cannot be said."""

    value: float | None
    before: float | None
    low: float | None = None
    high: float | None = None


def compared(
    before: Sequence[Step],
    now: Sequence[Step],
    figure: Callable[[Sequence[Step]], float | None],
    *,
    counts: Callable[[Step], bool] = bool,
) -> Difference:
    """The figure of all steps together, of both stretches; step *i* is compared with step *i*.

    ``counts`` says whether anything happened in a step: a pair of two empty ones is none.

    Raises:
        ValueError: the stretches have not equally many steps.
    """
    if len(before) != len(now):
        raise ValueError("Stretches are compared step by step: both need as many.")
    value, was = figure(now), figure(before)
    pairs = [(a, b) for a, b in zip(before, now, strict=True) if counts(a) or counts(b)]
    if value is None or was is None or len(pairs) < FEWEST_PAIRS:
        return Difference(value, was)
    without = []
    for place in range(len(pairs)):
        left = pairs[:place] + pairs[place + 1 :]
        after, first = figure([b for _, b in left]), figure([a for a, _ in left])
        if after is None or first is None:
            return Difference(value, was)
        without.append(after - first)
    half = _half(without)
    change = value - was
    if not change and not half:
        # Nothing of it happened at all: that is no proof of anything.
        return Difference(value, was)
    return Difference(value, was, change - half, change + half)


def _half(without: Sequence[float]) -> float:
    # Its package takes numpy, which web processes do without.
    from evaluation.engine.statistics.students_t import t_quantile

    n = len(without)
    mean = sum(without) / n
    variance = (n - 1) / n * sum((one - mean) ** 2 for one in without)
    return t_quantile((1 + CONFIDENCE) / 2, n - 1) * math.sqrt(variance)
