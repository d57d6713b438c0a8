"""How far judges agree beyond chance: of two, Cohen's kappa; of any number with gaps, Krippendorff's alpha."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


def cohens_kappa(a: Sequence[Hashable], b: Sequence[Hashable], *, weights: str = "none") -> float:
    """Agreement of two judges on the same items: 1 full, 0 chance; nan without items or with one label only.

    ``weights`` ``linear`` or ``quadratic``: labels are ordered, and a near miss is half a hit.

    Raises:
        ValueError: unequal lengths or unknown weights.
    """
    if len(a) != len(b):
        raise ValueError("Two judges need labels of the same items.")
    labels = sorted({*a, *b}, key=_order)
    place = {label: at for at, label in enumerate(labels)}
    observed = np.zeros((len(labels), len(labels)))
    np.add.at(observed, ([place[label] for label in a], [place[label] for label in b]), 1)
    apart = np.abs(np.subtract.outer(np.arange(len(labels)), np.arange(len(labels)))).astype(float)
    costs = {"none": (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}.get(weights)
    if costs is None:
        raise ValueError("Weights are none, linear or quadratic.")
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / max(len(a), 1)
    by_chance = float((costs * expected).sum())
    return 1 - float((costs * observed).sum()) / by_chance if by_chance else math.nan


def krippendorff_alpha(ratings: Sequence[Sequence[Any]], *, level: str = "nominal") -> float:
    """Agreement of any number of judges, one row each, None where one did not rate an item.

    ``level`` ``nominal`` | ``ordinal`` | ``interval`` | ``ratio``: how far apart two values are (Krippendorff, 2011).
    1 full agreement, 0 chance; nan where fewer than two items have two ratings, or all ratings are the same.

    Raises:
        ValueError: rows of unequal length, or an unknown level.
    """
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("Each judge needs a place for every item.")
    if level not in _APART:
        raise ValueError("A level is nominal, ordinal, interval or ratio.")
    values = sorted({value for row in ratings for value in row if _is_known(value)}, key=_order)
    place = {value: at for at, value in enumerate(values)}
    together = np.zeros((len(values), len(values)))
    for item in zip(*ratings, strict=True):
        _count(together, [place[value] for value in item if _is_known(value)])
    return _alpha(together, _APART[level](values, together.sum(axis=1)))


def _count(together: Floats, rated: list[int]) -> None:
    """Add how often each pair of values stands on one item."""
    if len(rated) < 2:
        return
    counts = np.bincount(rated, minlength=len(together)).astype(float)
    together += (np.outer(counts, counts) - np.diag(counts)) / (len(rated) - 1)


def _alpha(together: Floats, apart: Floats) -> float:
    totals = together.sum(axis=1)
    expected = float((np.outer(totals, totals) * apart).sum())
    if expected == 0:
        return math.nan
    return 1 - (float(totals.sum()) - 1) * float((together * apart).sum()) / expected


def _nominal(values: Sequence[Any], totals: Floats) -> Floats:
    return 1 - np.eye(len(values))


def _ordinal(values: Sequence[Any], totals: Floats) -> Floats:
    middles = np.cumsum(totals) - totals / 2
    squared: Floats = np.subtract.outer(middles, middles) ** 2
    return squared


def _interval(values: Sequence[Any], totals: Floats) -> Floats:
    numbers = np.array(values, dtype=float)
    squared: Floats = np.subtract.outer(numbers, numbers) ** 2
    return squared


def _ratio(values: Sequence[Any], totals: Floats) -> Floats:
    numbers = np.array(values, dtype=float)
    sums = np.add.outer(numbers, numbers)
    safe = np.where(sums == 0, 1, sums)
    squared: Floats = (np.subtract.outer(numbers, numbers) / safe) ** 2
    return squared


_APART: Final[Mapping[str, Callable[[Sequence[Any], Floats], Floats]]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
    "ratio": _ratio,
}


def _order(value: Any) -> tuple[int, Any]:
    """Numbers by size, then whatever else by its text: labels of mixed kinds still have an order."""
    return (0, value) if isinstance(value, int | float) else (1, str(value))


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
