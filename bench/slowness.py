"""How slow the processor is just now: what else the machine does comes and goes."""

from __future__ import annotations

import time

LOOP_S = 0.027
"""What the loop of :func:`slowness` takes on the machine that figures of the documents are of."""


def slowness() -> float:
    """How many times as long a loop takes the processor as on the machine that other figures are of."""
    best = float("inf")
    for _ in range(3):
        began, total = time.process_time(), 0
        for number in range(500_000):
            total += number * number % 7
        best = min(best, time.process_time() - began)
    return best / LOOP_S
