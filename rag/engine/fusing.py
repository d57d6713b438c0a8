"""Several rankings made one, and passages that say the same kept from standing beside each other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

K: Final = 10
"""Of reciprocal ranks: how little the very first stand out. Less than the 60 of Cormack et al. (SIGIR 2009), whose
rankings are of systems that are alike; on judged questions of two collections 10 does as well or better."""
DEPTH: Final = 100
"""How many each search finds at least before they are fused."""
LESS_SURE: Final = {"static": 0.7}
"""What a ranking by vectors counts beside one by words, for models that know meanings less well; others: 1."""
OTHER_WORDS: Final = 0.5
"""What a ranking counts whose question is not the caller's own, but one in other words."""

Key = TypeVar("Key", bound=Hashable)


class Ranking(msgspec.Struct, frozen=True):
    """What one search of one question found, the best first."""

    keys: tuple[int, ...]
    weight: float = 1.0


def fused(rankings: Sequence[Ranking], k: int = K) -> dict[int, float]:
    """Summed reciprocal ranks, the best first; 1 is what is first everywhere."""
    most = sum(one.weight for one in rankings if one.keys) / (k + 1)
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking.keys, start=1):
            scores[key] = scores.get(key, 0.0) + ranking.weight / (k + rank)
    return {key: score / most for key, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))}


def without_repetitions(keys: Sequence[Key], text_of: Callable[[Key], str]) -> list[Key]:
    """The first of each text, in order."""
    seen: set[str] = set()
    kept = []
    for key in keys:
        text = text_of(key)
        if text not in seen:
            seen.add(text)
            kept.append(key)
    return kept


def diverse(
    scores: Mapping[int, float], likeness: Callable[[int, int], float], *, diversity: float, most: int
) -> list[int]:
    """Maximal marginal relevance: each next one is good by its score and unlike what was chosen before it.

    ``diversity`` 0 leaves the order of scores; 1 looks at nothing but likeness (after the first).
    """
    left = list(scores)
    if diversity <= 0:
        return left[:most]
    nearest = dict.fromkeys(left, 0.0)
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(left, key=lambda key: (1 - diversity) * scores[key] - diversity * nearest[key])
        left.remove(best)
        chosen.append(best)
        for key in left:
            nearest[key] = max(nearest[key], likeness(best, key))
    return chosen
