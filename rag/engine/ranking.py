"""How good a ranking is: nDCG, recall and reciprocal rank, with judgements that are yes or no. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def ndcg(ranked: Sequence[str], relevant: Collection[str], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of the first ``depth``; 1 where all that is relevant stands first."""
    if not relevant:
        return 0.0
    gained = sum(1 / math.log2(at + 2) for at, one in enumerate(ranked[:depth]) if one in relevant)
    best = sum(1 / math.log2(at + 2) for at in range(min(len(relevant), depth)))
    return gained / best


def recall(ranked: Sequence[str], relevant: Collection[str], depth: int) -> float:
    """Share of what is relevant among the first ``depth``."""
    return len({*ranked[:depth]} & {*relevant}) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """One through the place of the first that is relevant; 0 where none is."""
    return next((1 / (at + 1) for at, one in enumerate(ranked) if one in relevant), 0.0)


def each_once(names: Sequence[str]) -> list[str]:
    """The names without repetitions, in order: documents of ranked passages."""
    return list(dict.fromkeys(names))
