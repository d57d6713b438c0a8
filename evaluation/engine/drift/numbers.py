"""Drift of one number: latencies, costs, lengths, scores."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from evaluation.engine.drift.results import LEAST, Floats, Tested, untested

BINS: Final = 10
_TERMS: Final = 101


def ks(reference: Floats, current: Floats) -> Tested:
    """The largest distance of two distribution functions (Kolmogorov, Smirnov); p by the limit distribution.

    nan values are no data. Where values repeat, p is too large rather than too small.
    """
    before, after = _known(reference), _known(current)
    if min(len(before), len(after)) < LEAST:
        return untested("ks", len(before), len(after))
    both = np.concatenate((before, after))
    below = np.searchsorted(before, both, side="right") / len(before)
    distance = float(np.abs(below - np.searchsorted(after, both, side="right") / len(after)).max())
    effective = math.sqrt(len(before) * len(after) / (len(before) + len(after)))
    # Stephens' correction makes the limit hold for windows of a few dozen.
    p = _kolmogorov((effective + 0.12 + 0.11 / effective) * distance)
    return Tested("ks", distance, p, len(before), len(after))


def psi(reference: Floats, current: Floats, *, bins: int = BINS) -> Tested:
    """The population stability index over bins of equal share of the reference.

    Customary words are 0.1 for some and 0.25 for much drift, but what chance gives depends on the windows' sizes:
    without drift the index over (1/n + 1/m) is chi-square (Yurdakul, 2018), which p is taken from.
    """
    before, after = _known(reference), _known(current)
    if min(len(before), len(after)) < LEAST:
        return untested("psi", len(before), len(after))
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1) for each in (before, after)]
    index = index_of(counts[0].astype(float), counts[1].astype(float))
    freedom = len(edges)
    p = _chi_square_tail(index / (1 / len(before) + 1 / len(after)), freedom) if freedom else 1.0
    return Tested("psi", index, p, len(before), len(after))


def index_of(before: Floats, after: Floats) -> float:
    """The stability index of counts by bin; half a value is added to each, so that empty bins have a logarithm."""
    expected = (before + 0.5) / (before.sum() + len(before) / 2)
    actual = (after + 0.5) / (after.sum() + len(after) / 2)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def _known(values: Floats) -> Floats:
    given = np.asarray(values, dtype=float)
    return np.sort(given[~np.isnan(given)])


def _kolmogorov(scaled: float) -> float:
    if scaled < 0.2:
        return 1.0
    terms = np.arange(1, _TERMS)
    return float(np.clip(2 * ((-1.0) ** (terms - 1) * np.exp(-2 * (terms * scaled) ** 2)).sum(), 0, 1))


def _chi_square_tail(value: float, freedom: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, max(value, 0.0)))
