"""A signal over time, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Series(msgspec.Struct, frozen=True):
    """Values at equal steps, the first at ``start_s`` (Unix seconds); nan where there is no data."""

    start_s: int
    step_s: int
    values: Floats
    weights: Floats
    """Calls that each value rests on."""
    of: tuple[Floats, Floats] | None = None
    """Where values are shares: what is counted in each step by itself, and the calls that it is counted of."""

    @property
    def times_s(self) -> Sequence[int]:
        """When each step begins."""
        return range(self.start_s, self.start_s + len(self.values) * self.step_s, self.step_s)


def rolled(values: Floats, steps: int) -> Floats:
    """At each step the sum of the last ``steps`` values along the first axis, fewer at the start."""
    sums = np.concatenate((np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)))
    return np.asarray(sums[1:] - sums[np.maximum(np.arange(1, len(sums)) - steps, 0)])
