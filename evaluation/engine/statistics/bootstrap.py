"""By how much one variant scores higher than another on the same items, with an interval.

Which interval is chosen by coverage (docs/DETECTION.md): where differences take many values, the bootstrap of the
*t* statistic, which holds for skewed costs and latencies too; where they take few (right or wrong), the percentile
interval expanded after Hesterberg (2015) over the sample with one more pair of either sign (Bonett and Price, 2012),
without which ten equal answers would prove that nothing ever changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Final

import msgspec
import numpy as np

from evaluation.engine.statistics.students_t import t_quantile

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int_]]

FEW_VALUES: Final = 5
_DRAWN_AT_ONCE: Final = 1 << 20


class Interval(msgspec.Struct, frozen=True):
    """A difference and where it lies with the confidence asked for."""

    estimate: float
    """Mean of the second minus mean of the first; nan without any pair."""
    low: float
    high: float
    n: int
    """Pairs that have both values."""
    p: float
    """Two-sided, of no difference: how much confidence less than 1 the interval needs to reach 0."""
    sd: float = 0.0
    """Standard deviation of the differences: what sample sizes are computed from."""


def paired_bootstrap(
    a: Sequence[float | None] | Floats,
    b: Sequence[float | None] | Floats,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int,
) -> Interval:
    """How much higher ``b`` (candidate) is than ``a`` (baseline); pair i is item i, None or nan leaves a pair out.

    Fewer than two pairs give an interval without ends.

    Raises:
        ValueError: unequal lengths, or a confidence that is no share.
    """
    if not 0 < confidence < 1:
        raise ValueError("A confidence is a share between 0 and 1, without either.")
    before, after = _floats(a), _floats(b)
    if before.shape != after.shape:
        raise ValueError("Paired values need sequences of equal length.")
    known = ~(np.isnan(before) | np.isnan(after))
    before, after = before[known], after[known]
    differences = after - before
    n = len(differences)
    if n < 2:
        return Interval(float(differences.mean()) if n else math.nan, -math.inf, math.inf, n, 1.0)
    unit = float(max(np.abs(before).max(), np.abs(after).max())) or 1.0
    plausible = _plausible(differences, unit, resamples, np.random.default_rng(seed))
    tail = (1 - confidence) / 2
    low, high = np.quantile(plausible, [tail, 1 - tail])
    return Interval(
        estimate=float(differences.mean()),
        low=float(low),
        high=float(high),
        n=n,
        p=_two_sided(plausible),
        sd=float(differences.std(ddof=1)),
    )


def _plausible(differences: Floats, unit: float, resamples: int, chance: np.random.Generator) -> Floats:
    """Values of the true difference, as often as they are plausible."""
    values, counts = np.unique(np.round(differences, 12), return_counts=True)
    if len(values) <= FEW_VALUES:
        return _of_few_values(values, counts, unit, resamples, chance)
    mean, sd = differences.mean(), differences.std(ddof=1)
    means, sds = _resampled(differences, resamples, chance)
    usable = sds > 1e-9 * sd
    spread: Floats = mean - (means[usable] - mean) / sds[usable] * sd
    return spread


def _of_few_values(
    values: Floats, counts: Integers, unit: float, resamples: int, chance: np.random.Generator
) -> Floats:
    largest = float(np.abs(values).max()) or unit
    values = np.concatenate((values, [-largest, largest]))
    counts = np.concatenate((counts, [1, 1]))
    n = int(counts.sum())
    mean = float(values @ counts) / n
    means = chance.multinomial(n, counts / n, size=resamples) @ values / n
    expansion = math.sqrt(n / (n - 1)) * t_quantile(0.975, n - 1) / NormalDist().inv_cdf(0.975)
    spread: Floats = mean + (means - mean) * expansion
    return spread


def _resampled(differences: Floats, resamples: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each resample, drawn in parts: memory does not grow with their number."""
    n = len(differences)
    # Centred: sums of squares of latencies in ms would lose their last digits.
    centre = float(differences.mean())
    centred = differences - centre
    means, sds = np.empty(resamples), np.empty(resamples)
    at_once = max(1, _DRAWN_AT_ONCE // n)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = centred[chance.integers(0, n, (rows, n), dtype=np.int32)]
        mean = drawn.mean(axis=1)
        squares = np.einsum("ij,ij->i", drawn, drawn) / n
        means[start : start + rows] = mean
        sds[start : start + rows] = np.sqrt(np.maximum(squares - mean**2, 0) * n / (n - 1))
    return means + centre, sds


def _two_sided(plausible: Floats) -> float:
    below, above = int((plausible <= 0).sum()), int((plausible >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(plausible) + 1))


def _floats(values: Sequence[float | None] | Floats) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
