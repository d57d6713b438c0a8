"""How rare a deviation is among those that a series showed before: heavy tails included, in constant memory."""

from __future__ import annotations

import math
from typing import Final

import msgspec

BINS: Final = 96
_PER_OCTAVE: Final = 4
_LOWEST: Final = -8
"""log2 of the first bin; the last one is 2**16."""
_LEAST: Final = 2.0**-6
"""A smaller deviation is none."""
_TOP: Final = 20
"""The tail is fitted to about so many of the largest."""
_PRIOR: Final = 10.0
"""As many deviations are believed in before any was seen, with a tail of :data:`_PRIOR_SHAPE`."""
_PRIOR_SHAPE: Final = 2.0
_LN_OCTAVE: Final = math.log(2) / _PER_OCTAVE
_REFRESH: Final = 32
_MOST: Final = 1e100


class RarityState(msgspec.Struct):
    """What a :class:`Rarity` remembers; counts carry a weight that grows, so that old ones fade."""

    counts: list[float]
    seen: float = 0.0
    weight: float = 1.0


class Rarity:
    """Deviations so far in a histogram by their logarithm, old ones fading; the tail behind it is Pareto's (Hill)."""

    __slots__ = ("_above", "_counts", "_due", "_growth", "_mean_excess", "_seen", "_start", "_weight")

    def __init__(self, half_life: float, state: RarityState | None = None) -> None:
        state = state or RarityState([0.0] * BINS)
        self._counts = list(state.counts)
        self._seen = state.seen
        self._weight = state.weight
        self._growth = 2 ** (1 / half_life)
        self._due = 0
        self._start = self._above = self._mean_excess = 0.0

    def state(self) -> RarityState:
        """What to hand to a new one so that it goes on."""
        return RarityState(list(self._counts), self._seen, self._weight)

    def surprise(self, deviation: float) -> float:
        """-log10 of how probable a deviation (0 or more) as large as this was so far; 0 where it is usual."""
        if deviation <= _LEAST:
            return 0.0
        place = (math.log2(deviation) - _LOWEST) * _PER_OCTAVE
        if self._due <= 0 or place > self._start:
            self._fit()
        if place <= self._start:
            return 0.0
        behind = (place - self._start) * _LN_OCTAVE
        probable = (self._above + _PRIOR) / (self._seen / self._weight + 1 + _PRIOR)
        return behind / self._mean_excess / math.log(10) - math.log10(probable)

    def learn(self, deviation: float) -> None:
        """Remember a deviation."""
        if deviation > _LEAST:
            place = (math.log2(deviation) - _LOWEST) * _PER_OCTAVE
            self._counts[min(BINS - 1, max(0, int(place + 0.5)))] += self._weight
        self._due -= 1
        self._seen += self._weight
        self._weight *= self._growth
        if self._weight > _MOST:
            self._rescale()

    def _fit(self) -> None:
        """Where the tail starts, how many are in it, and by how much they exceed its start on average (in e-folds)."""
        wanted, above, places = _TOP * self._weight, 0.0, 0.0
        start = BINS - 1
        for start in range(BINS - 1, -1, -1):
            count = self._counts[start]
            above += count
            places += count * start
            if above >= wanted:
                break
        excess = (places - above * start) * _LN_OCTAVE
        self._start = float(start)
        self._above = above / self._weight
        self._mean_excess = max(
            (excess / self._weight + _PRIOR / _PRIOR_SHAPE) / (self._above + _PRIOR),
            0.02,
        )
        self._due = _REFRESH

    def _rescale(self) -> None:
        self._counts = [count / self._weight for count in self._counts]
        self._seen /= self._weight
        self._weight = 1.0
