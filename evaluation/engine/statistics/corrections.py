"""Many questions at once: how sure the answers are together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


def benjamini_hochberg(p_values: Sequence[float] | Floats) -> Floats:
    """Each p value adjusted: what is below q is, but for a share of q at most, no accident (Benjamini, Hochberg 1995).

    In the order given; nan (not tested) stays nan and does not count.
    """
    given = np.asarray(p_values, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(given))
    if not len(tested):
        return adjusted
    order = tested[np.argsort(given[tested], kind="stable")]
    scaled = given[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted
