"""Drift of texts, by their vectors: whether two windows were drawn from the same texts, and which ones moved.

Rows are vectors. Tests by permutation hold their share of false alarms whatever the vectors are; those of a window
of 1,000 against 1,000 take about a quarter of a second, larger windows are sampled.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from evaluation.engine.drift.results import LEAST, Floats, Tested, untested

MOST: Final = 1000
"""Rows of a window that are looked at."""
PERMUTATIONS: Final = 199
WIDTHS: Final = (0.25, 0.5, 1.0)
"""Of the Gaussian kernel, in medians of the distance: narrow ones see a new topic, wide ones that all moved."""
_LEAST_SKEWNESS: Final = 0.3
_FOLDS: Final = 2
_RIDGE: Final = 1.0


def mmd(reference: Floats, current: Floats, *, seed: int, permutations: int = PERMUTATIONS) -> Tested:
    """Maximum mean discrepancy over several widths of kernel at once (after Schrab et al., 2023).

    Each width's value is measured in its own deviations over the permutations; the largest of them is the statistic,
    and p is how often a permutation's largest is as large.
    """
    if min(len(reference), len(current)) < LEAST:
        return untested("mmd", len(reference), len(current))
    squared, sizes, chance = _distances(reference, current, seed)
    middle = float(np.median(squared[np.triu_indices(len(squared), 1)])) or 1.0
    kernels = [np.exp(-squared / (2 * width**2 * middle)) for width in WIDTHS]
    return _permuted("mmd", kernels, sizes, chance, permutations)


def energy(reference: Floats, current: Floats, *, seed: int, permutations: int = PERMUTATIONS) -> Tested:
    """Energy distance (Székely, Rizzo), in deviations over the permutations that p comes from."""
    if min(len(reference), len(current)) < LEAST:
        return untested("energy", len(reference), len(current))
    squared, sizes, chance = _distances(reference, current, seed)
    return _permuted("energy", [-np.sqrt(squared)], sizes, chance, permutations)


def classifier(reference: Floats, current: Floats, *, seed: int) -> Tested:
    """Whether a linear classifier, fitted to half of both windows, tells the other half apart.

    The statistic is 2 AUC - 1 over both halves; p is of the sum of ranks, whose deviation without drift is known.
    """
    if min(len(reference), len(current)) < LEAST:
        return untested("classifier", len(reference), len(current))
    scores = held_out_scores(reference, current, seed=seed)
    z, areas = [], []
    for before, after in scores.folds:
        n, m = len(before), len(after)
        ordered = np.sort(before)
        wins = (np.searchsorted(ordered, after, "left") + np.searchsorted(ordered, after, "right")).sum() / 2
        areas.append(wins / (n * m))
        z.append((wins - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))
    # Each half judges the other, so both see the same difference: two answers weigh no more than one.
    together = sum(z) / len(z)
    return Tested(
        "classifier",
        float(2 * np.mean(areas) - 1),
        1 - NormalDist().cdf(float(together)),
        len(reference),
        len(current),
    )


def moved(reference: Floats, current: Floats, *, seed: int, most: int = 10) -> list[tuple[int, float]]:
    """The current window's rows that the reference explains least: place and log likelihood ratio, highest first.

    By classifiers that did not see the row; a ratio of 2 is a text about seven times as usual now as before.
    """
    if min(len(reference), len(current)) < LEAST:
        return []
    scores = held_out_scores(reference, current, seed=seed)
    order = np.argsort(-scores.current, kind="stable")[:most]
    return [(int(at), float(scores.current[at])) for at in order]


class HeldOut:
    """Log likelihood ratios of the rows of both windows, by a classifier fitted without them."""

    def __init__(self, current: Floats, folds: list[tuple[Floats, Floats]]) -> None:
        self.current = current
        self.folds = folds


def held_out_scores(reference: Floats, current: Floats, *, seed: int) -> HeldOut:
    """Scores by linear discriminants with shrunk covariance: each half by the one that was fitted to the other."""
    chance = np.random.default_rng(seed)
    of_reference = chance.permutation(len(reference)) % _FOLDS
    of_current = chance.permutation(len(current)) % _FOLDS
    scores = np.zeros(len(current))
    folds = []
    for fold in range(_FOLDS):
        before, after = reference[of_reference != fold], current[of_current != fold]
        direction, middle = _discriminant(before, after)
        scores[of_current == fold] = (current[of_current == fold] - middle) @ direction
        folds.append(((reference[of_reference == fold] - middle) @ direction, scores[of_current == fold]))
    return HeldOut(scores, folds)


def _discriminant(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    means = before.mean(axis=0), after.mean(axis=0)
    centred = np.concatenate((before - means[0], after - means[1])).astype(float)
    covariance = centred.T @ centred / len(centred)
    # As much shrinkage as there are dimensions for each row: few rows know little of the covariance.
    shrunk = min(1.0, _RIDGE * centred.shape[1] / len(centred))
    usual = float(np.trace(covariance)) / len(covariance) or 1.0
    covariance = (1 - shrunk) * covariance + (shrunk * usual + 1e-9) * np.eye(len(covariance))
    direction: Floats = np.linalg.solve(covariance, (means[1] - means[0]).astype(float))
    middle: Floats = (means[0] + means[1]) / 2
    return direction, middle


def _distances(reference: Floats, current: Floats, seed: int) -> tuple[Floats, tuple[int, int], np.random.Generator]:
    """Squared distances of all rows to all, the reference's first."""
    chance = np.random.default_rng(seed)
    before, after = sampled(reference, chance, MOST), sampled(current, chance, MOST)
    rows = np.concatenate((before, after)).astype(np.float32)
    lengths = np.einsum("ij,ij->i", rows, rows)
    squared = np.maximum(lengths[:, None] + lengths[None, :] - 2 * rows @ rows.T, 0)
    np.fill_diagonal(squared, 0)
    return squared, (len(before), len(after)), chance


def sampled(rows: Floats, chance: np.random.Generator, most: int) -> Floats:
    """At most so many of the rows, in their order."""
    return rows if len(rows) <= most else rows[np.sort(chance.choice(len(rows), most, replace=False))]


def _permuted(
    test: str, kernels: list[Floats], sizes: tuple[int, int], chance: np.random.Generator, permutations: int
) -> Tested:
    n, m = sizes
    # One column a permutation, the first one true: 1/n for rows of the reference, -1/m for those of the current window.
    signs = np.full((n + m, permutations + 1), -1 / m, np.float32)
    signs[:n, 0] = 1 / n
    for column in range(1, permutations + 1):
        signs[chance.permutation(n + m)[:n], column] = 1 / n
    largest = np.full(permutations + 1, -np.inf)
    for kernel in kernels:
        values = np.einsum("ij,ij->j", signs, kernel @ signs).astype(float)
        deviation = float(values[1:].std()) or 1.0
        largest = np.maximum(largest, (values - values[1:].mean()) / deviation)
    as_large = int((largest[1:] >= largest[0]).sum())
    p = (1 + as_large) / (1 + permutations)
    return Tested(test, float(largest[0]), p if as_large else min(p, _beyond(largest[1:], float(largest[0]))), n, m)


def _beyond(usual: Floats, value: float) -> float:
    """The tail beyond the largest permutation, by a gamma distribution of the same three moments (Pearson's type III).

    Without it no p would be below that of the number of permutations, and no text could drift among many other tests.
    The skewness is taken a deviation and a half of its estimate higher than it is: the tail is rather too heavy.
    """
    from scipy.special import gammaincc

    middle, deviation = float(usual.mean()), float(usual.std()) or 1.0
    skewness = float((((usual - middle) / deviation) ** 3).mean())
    skewness = max(skewness, _LEAST_SKEWNESS) + 1.5 * math.sqrt(6 / len(usual))
    shape = 4 / skewness**2
    return float(gammaincc(shape, max(0.0, shape + (value - middle) / deviation * math.sqrt(shape))))
