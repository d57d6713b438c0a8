"""A signal's values, worked out of what was counted."""

from __future__ import annotations

from typing import Final

import numpy as np

from alerting.engine.frames import Frame
from alerting.engine.series import Floats, Series, rolled
from alerting.engine.signals import Segment, Signal
from events.traffic.measures import LAST_BUCKET, OCTAVE


def series_of(frame: Frame, signal: Signal, segment: Segment, window_minutes: int) -> Series:
    """The signal at each minute of the frame, over the window that ends with it."""
    if signal.of_prompts:
        prompts = frame.prompts.get(segment.part)
        if prompts is None:
            return Series(frame.start_s, 60, np.full(frame.minutes, np.nan), np.zeros(frame.minutes))
        return Series(frame.start_s, 60, prompts.shifts(window_minutes), rolled(prompts.counts, window_minutes))
    if signal.parts is None:
        histogram = rolled(frame.histogram(signal.measured), window_minutes)
        values, weights = _percentiles(histogram, signal.share)
        return Series(frame.start_s, 60, values, weights)
    over, under = signal.parts(frame, segment)
    summed, weights = rolled(over, window_minutes), rolled(under, window_minutes)
    if signal.rate:
        return Series(frame.start_s, 60, summed / window_minutes, weights)
    values = np.divide(summed, weights, out=np.full(len(summed), np.nan), where=weights > 0)
    return Series(frame.start_s, 60, values, weights, (over, under) if signal.unit == "percent" else None)


_HIGH_MS: Final = 2.0 ** (np.arange(LAST_BUCKET + 1) / OCTAVE)
_LOW_MS: Final = np.concatenate(([0.0], _HIGH_MS[:-1]))


def _percentiles(histogram: Floats, share: float) -> tuple[Floats, Floats]:
    """Of each row, as :func:`events.traffic.histogram.percentiles_ms` has it, and how many calls it rests on."""
    passed = np.cumsum(histogram, axis=1)
    total = passed[:, -1]
    rank = share * total
    bucket = np.argmax(passed >= rank[:, None] - 1e-9, axis=1)
    rows = np.arange(len(histogram))
    count = histogram[rows, bucket]
    before = passed[rows, bucket] - count
    within = np.divide(rank - before, count, out=np.zeros(len(count)), where=count > 0)
    low, high = _LOW_MS[bucket], _HIGH_MS[bucket]
    inside = np.where(low == 0, high * within, np.where(low > 0, low, 1) * (high / np.where(low > 0, low, 1)) ** within)
    return np.where(total > 0, inside, np.nan), total
