"""Since when: the points at which a series changed."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from evaluation.engine.drift.results import Floats

SHORTEST: Final = 5
"""Steps between two changes."""
MOST: Final = 2000
"""Steps that are looked at; longer series are looked at in means of several."""
_PENALTY: Final = 3.0
"""Of a change, in logarithms of the length: half as much again as the usual criterion, since noise is correlated."""


class Change(msgspec.Struct, frozen=True):
    """The series' median was one thing before a step, and another from it on."""

    at: int
    """First step of what is new."""
    before: float
    after: float
    size: float
    """The difference in deviations of the noise."""


def changes(values: Floats, *, penalty: float = _PENALTY) -> list[Change]:
    """Changes of the level of a series, oldest first; nan is no data.

    Exact segmentation (PELT; Killick et al., 2012) of what is left after clipping at five deviations, so that a spike
    is no change. The deviation is that of differences of neighbours, which changes of the level do not widen.
    """
    import ruptures

    known = np.flatnonzero(~np.isnan(values))
    given = np.asarray(values, dtype=float)[known]
    together = -(-len(given) // MOST) or 1
    usable = len(given) // together * together
    if usable // together < 2 * SHORTEST:
        return []
    series = given[len(given) - usable :].reshape(-1, together).mean(axis=1)
    first = len(given) - usable
    noise = _noise(series)
    if noise == 0:
        noise = float(np.abs(series - np.median(series)).mean()) / 10
    if noise == 0:
        return []
    scaled = _clipped(series / noise)
    found = (
        ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(scaled).predict(pen=penalty * np.log(len(scaled)))
    )
    ends = [0, *found]
    middles = [float(np.median(series[start:end])) for start, end in pairwise(ends)]
    return [
        Change(int(known[first + at * together]), before, after, (after - before) / noise)
        for at, before, after in zip(found, middles, middles[1:], strict=False)
        if before != after
    ]


def _noise(series: Floats) -> float:
    return float(np.median(np.abs(np.diff(series)))) / 0.6745 / 2**0.5


def _clipped(scaled: Floats) -> Floats:
    """Each value held to five deviations of the median of its neighbours."""
    padded = np.pad(scaled, SHORTEST // 2 + 1, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * (SHORTEST // 2 + 1) + 1), axis=1)
    held: Floats = np.clip(scaled, around - 5, around + 5)
    return held
