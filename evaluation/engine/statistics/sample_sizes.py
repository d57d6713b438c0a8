"""How many items a comparison needs, and what a number of items can show."""

from __future__ import annotations

import math
from statistics import NormalDist


def sample_size(effect: float, sd: float, *, power: float = 0.8, alpha: float = 0.05, sides: int = 2) -> int:
    """Pairs with which a difference of ``effect`` is found, where differences have the standard deviation ``sd``.

    Of a paired t test, after Guenther (1981): the normal approximation and what the t distribution adds.

    Raises:
        ValueError: no effect, a negative deviation, shares that are none, or sides other than 1 and 2.
    """
    if not effect or sd < 0:
        raise ValueError("A sample size needs an effect other than 0 and a standard deviation.")
    tail = _quantile(alpha, sides)
    needed = ((tail + NormalDist().inv_cdf(_share(power))) * sd / effect) ** 2 + tail**2 / 2
    return max(2, math.ceil(needed - 1e-9))


def detectable_effect(n: int, sd: float, *, power: float = 0.8, alpha: float = 0.05, sides: int = 2) -> float:
    """The smallest difference that ``n`` pairs show; inf where they are too few for any.

    Raises:
        ValueError: a negative deviation, shares that are none, or sides other than 1 and 2.
    """
    if sd < 0:
        raise ValueError("A standard deviation is not negative.")
    tail = _quantile(alpha, sides)
    usable = n - tail**2 / 2
    if usable <= 0:
        return math.inf
    return (tail + NormalDist().inv_cdf(_share(power))) * sd / math.sqrt(usable)


def _quantile(alpha: float, sides: int) -> float:
    if sides not in {1, 2}:
        raise ValueError("A test has one side or two.")
    return NormalDist().inv_cdf(1 - _share(alpha) / sides)


def _share(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError("Power and alpha are shares between 0 and 1, without either.")
    return value
