"""Quantiles of Student's t without scipy, which web processes do not load."""

from __future__ import annotations

import math
from statistics import NormalDist


def t_quantile(share: float, freedom: int) -> float:
    """The value below which ``share`` of the distribution lies.

    Exact for 1 and 2 degrees of freedom; after Hill (1970), algorithm 396, above: within 0.001 % of the value.

    Raises:
        ValueError: not a share, or no degree of freedom.
    """
    if not 0 < share < 1 or freedom < 1:
        raise ValueError("A quantile needs a share between 0 and 1, and at least one degree of freedom.")
    if share == 0.5:
        return 0.0
    if share < 0.5:
        return -t_quantile(1 - share, freedom)
    both_tails = 2 * (1 - share)
    if freedom == 1:
        return 1 / math.tan(both_tails * math.pi / 2)
    if freedom == 2:
        return math.sqrt(2 / (both_tails * (2 - both_tails)) - 2)
    return _hill(both_tails, float(freedom))


def _hill(p: float, n: float) -> float:
    a = 1 / (n - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * p) ** (2 / n)
    if y <= 0.05 + a:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (
            n + 2
        ) + 1 / y
        return math.sqrt(n * y)
    x = NormalDist().inv_cdf(p / 2)
    y = x * x
    if n < 5:
        c += 0.3 * (n - 4.5) * (x + 0.6)
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    y = a * y * y
    y = math.expm1(y) if y > 0.002 else 0.5 * y * y + y
    return math.sqrt(n * y)
