"""What one test of drift found."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

LEAST: int = 20
"""Values that each window needs; with fewer nothing is tested."""


class Tested(msgspec.Struct, frozen=True):
    """A statistic and how probable one as large is without any drift."""

    test: str
    """``ks`` | ``psi`` | ``chi_square`` | ``mmd`` | ``energy`` | ``classifier``."""
    statistic: float
    """In the unit of the test: 0 is no difference."""
    p: float
    """nan: too few values to test."""
    reference: int
    current: int
    """Values in each window."""


def untested(test: str, reference: int, current: int) -> Tested:
    """Too few to say anything."""
    return Tested(test, float("nan"), float("nan"), reference, current)
