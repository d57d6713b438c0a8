"""Whether a candidate may replace a baseline, from the scores of both on the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from evaluation.engine.statistics.bootstrap import Floats, Interval, paired_bootstrap
from evaluation.engine.statistics.sample_sizes import sample_size


class Verdict(StrEnum):
    """What the scores prove about a candidate."""

    PASS = "pass"  # noqa: S105 - a verdict
    """It is not worse than the margin."""
    FAIL = "fail"
    """It is worse than the margin."""
    UNDECIDED = "undecided"
    """Neither is proven."""


class Decision(msgspec.Struct, frozen=True):
    """A verdict and the figures behind it."""

    verdict: Verdict
    interval: Interval
    """Of candidate minus baseline; either end alone holds with the confidence asked for."""
    margin: float
    needed: int | None
    """Pairs that would prove a candidate that is equally good to be so, in four of five runs; None: no margin, or
    differences that do not vary."""


def not_worse(
    baseline: Sequence[float | None] | Floats,
    candidate: Sequence[float | None] | Floats,
    *,
    margin: float,
    confidence: float = 0.95,
    higher_is_better: bool = True,
    resamples: int = 10_000,
    seed: int,
) -> Decision:
    """Whether the candidate is at most ``margin`` worse, in the unit of the scores, with this one-sided confidence.

    Where nothing is different between the two, it fails in at most 1 - confidence of runs, at a margin of 0; less
    often at any other.

    Raises:
        ValueError: a negative margin, unequal lengths, or a confidence that is not between 0.5 and 1.
    """
    if margin < 0 or not 0.5 < confidence < 1:
        raise ValueError("A margin is 0 or more, a confidence between 0.5 and 1.")
    interval = paired_bootstrap(baseline, candidate, confidence=2 * confidence - 1, resamples=resamples, seed=seed)
    needed = None
    if margin and interval.sd > 0:
        needed = sample_size(margin, interval.sd, alpha=1 - confidence, sides=1)
    return Decision(
        verdict=decide(interval, margin, higher_is_better=higher_is_better),
        interval=interval,
        margin=margin,
        needed=needed,
    )


def decide(interval: Interval, margin: float, *, higher_is_better: bool = True) -> Verdict:
    """Fail where even the interval's better end is worse than the margin, pass where its worse end is not."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    if math.isnan(low) or math.isnan(high):
        return Verdict.UNDECIDED
    if high < -margin:
        return Verdict.FAIL
    return Verdict.PASS if low >= -margin else Verdict.UNDECIDED
