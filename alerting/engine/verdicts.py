"""What a rule makes of each minute: bad, well, in between, or nothing that one could tell by."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec
import numpy as np

from alerting.engine.series import Floats, Series, rolled

Verdicts = np.ndarray[Any, np.dtype[np.int8]]


class Verdict(IntEnum):
    """Of one minute."""

    UNKNOWN = 0
    CLEAR = 1
    BETWEEN = 2
    """Past the limit for being well, not past the one for being bad: what holds goes on."""
    BREACH = 3


class Threshold(msgspec.Struct, frozen=True):
    """Two limits, so that a value that hovers around one does not switch to and fro."""

    above: bool
    """Whether values above the limit are bad; else those below."""
    limit: float
    clear: float
    """Well again on the other side of it."""
    min_weight: float = 0
    """Calls that a value has to rest on."""


def by_threshold(series: Series, threshold: Threshold) -> Verdicts:
    """Of each minute of the series."""
    sign = 1.0 if threshold.above else -1.0
    values = sign * series.values
    found = np.full(len(values), Verdict.BETWEEN.value, dtype=np.int8)
    with np.errstate(invalid="ignore"):
        found[values > sign * threshold.limit] = Verdict.BREACH.value
        found[values <= sign * threshold.clear] = Verdict.CLEAR.value
    found[np.isnan(values) | (series.weights < threshold.min_weight)] = Verdict.UNKNOWN.value
    return found


def by_absence(calls: Floats, window_minutes: int, min_before: float) -> Verdicts:
    """Bad where nothing came for the window although at least ``min_before`` calls came before it; well where something
    came; unknown where nothing ever did.
    """
    recent = rolled(calls, window_minutes)
    before = np.concatenate(([0.0], np.cumsum(calls)))[1:] - recent
    found = np.full(len(calls), Verdict.UNKNOWN.value, dtype=np.int8)
    found[(recent <= 0) & (before >= max(min_before, 1))] = Verdict.BREACH.value
    found[recent > 0] = Verdict.CLEAR.value
    return found
