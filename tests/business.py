"""How busy the machine is that tests run on."""

from __future__ import annotations

import os
import timeit

COUNT_S = 0.011
"""What :func:`_count` takes with a processor to itself."""


def business() -> float:
    """How much longer things may take here and now: 1 on an idle machine whose processors nobody else uses.

    Other work has the processors (which the load shows), and the processors are slow or shared with other machines
    (which it does not).
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)) * max(1.0, _count() / COUNT_S)


def _count() -> float:
    """Seconds of a fixed piece of work; the best of five, so that a single pause is no slowness."""
    return min(timeit.repeat("for i in range(200_000): s += i & 7", "s = 0", repeat=5, number=1))
