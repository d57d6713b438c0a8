"""An interval for a share: of items that passed, of calls that were refused."""

from __future__ import annotations

import math
from statistics import NormalDist


def share_interval(hits: float, n: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Where the true share lies, after Wilson (1927); 0 to 1 where there was nothing to count.

    Raises:
        ValueError: more hits than there were, or a confidence that is no share.
    """
    if not 0 <= hits <= n:
        raise ValueError("A share is of 0 to all.")
    if not 0 < confidence < 1:
        raise ValueError("A confidence is a share between 0 and 1, without either.")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)
