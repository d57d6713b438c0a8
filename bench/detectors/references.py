"""Simple detectors of anomalies to measure ours beside: scores of a whole series, each from what came before."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alerting.engine.anomalies import SeasonalAnomalies
from bench.detectors.nab import Labelled

Floats = np.ndarray[Any, np.dtype[Any]]

WINDOW = 1000
"""As the benchmark's own windowed Gaussian."""
EWMA_RATE = 0.02


def seasonal(series: Labelled) -> Floats:
    """Ours."""
    detector = SeasonalAnomalies(series.step_s)
    scores = []
    for at, value in enumerate(series.values):
        if at:
            gap = (series.times[at] - series.times[at - 1]).total_seconds()
            detector.skip(max(0, round(gap / series.step_s) - 1))
        scores.append(detector.update(float(value)).score)
    return np.array(scores)


def windowed_gaussian(series: Labelled) -> Floats:
    """How improbable a value is by mean and deviation of the last thousand: the benchmark's baseline, as it does it."""
    values = series.values
    sums = np.concatenate(([0.0], np.cumsum(values - values[0])))
    squares = np.concatenate(([0.0], np.cumsum((values - values[0]) ** 2)))
    at = np.arange(1, len(values))
    count = np.minimum(at, WINDOW)
    means = (sums[at] - sums[at - count]) / count
    deviations = np.sqrt(np.maximum((squares[at] - squares[at - count]) / count - means**2, 0))
    z = np.abs(values[1:] - values[0] - means) / np.where(deviations < 1e-9, 1e-6, deviations)
    tail = 0.5 * np.array([math.erfc(each / math.sqrt(2)) for each in z])
    return np.concatenate(([0.0], 1 - tail))


def ewma_z_score(series: Labelled) -> Floats:
    """By how many deviations a value is off the exponentially weighted mean; ranked, so without a scale."""
    mean, variance, scores = float(series.values[0]), 0.0, []
    for value in series.values:
        off = float(value) - mean
        scores.append(abs(off) / math.sqrt(variance) if variance > 1e-12 else 0.0)
        mean += EWMA_RATE * off
        variance = (1 - EWMA_RATE) * (variance + EWMA_RATE * off * off)
    return np.array(scores)


DETECTORS = {
    "seasonal (ours)": seasonal,
    "windowed Gaussian": windowed_gaussian,
    "EWMA z score": ewma_z_score,
}
