"""How good a ranking is: nDCG, recall and reciprocal rank. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence


def ndcg(ranked: Sequence[str], relevant: Collection[str] | Mapping[str, float], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of the first ``depth``; 1 where all that is relevant stands first.

    ``relevant`` may have grades: each counts ``2**grade - 1``, below 0 nothing. Without, each
    is of grade 1.
    """
    grades = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    best = _discounted(sorted(grades.values(), reverse=True)[:depth])
    return _discounted(grades.get(one, 0.0) for one in ranked[:depth]) / best if best else 0.0


def _discounted(grades: Iterable[float]) -> float:
    return sum((2 ** max(0.0, grade) - 1) / math.log2(at + 2) for at, grade in enumerate(grades))


def recall(ranked: Sequence[str], relevant: Collection[str], depth: int) -> float:
    """Share of what is relevant among the first ``depth``."""
    return len({*ranked[:depth]} & {*relevant}) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """One through the place of the first that is relevant; 0 where none is."""
    return next((1 / (at + 1) for at, one in enumerate(ranked) if one in relevant), 0.0)


def each_once(names: Sequence[str]) -> list[str]:
    """The names without repetitions, in order: documents of ranked passages."""
    return list(dict.fromkeys(names))
