"""Which stretches of a text lie within others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Stretches:
    """Stretches of one text, asked in logarithmic time whether one of them covers another."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _ in ordered]
        self._furthest = list(accumulate((end for _, end in ordered), max))

    def cover(self, start: int, end: int) -> bool:
        """Whether one of them begins at ``start`` or before and ends at ``end`` or after."""
        before = bisect_right(self._starts, start)
        return before > 0 and self._furthest[before - 1] >= end
