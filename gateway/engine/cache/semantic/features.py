"""The evidence on whether a kept answer's question asks the same as a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.engine.cache.semantic.profile import Profile, names_differ, opposed

NAMES: Final = (
    "similarity",
    "similarity_squared",
    "lead",
    "crowd",
    "shared_of_new",
    "shared_of_kept",
    "shared_least",
    "heaviest_new_missing",
    "heaviest_kept_missing",
    "numbers_differ",
    "names_differ",
    "negation_differs",
    "question_differs",
    "opposed",
    "same_order",
    "length_ratio",
    "similarity_times_shared",
    "short",
)
"""In the order in which :func:`features` gives them."""


def features(
    new: Profile,
    kept: Profile,
    similarity: float,
    others: Sequence[float],
    weights: Mapping[str, float],
    default_weight: float,
) -> list[float]:
    """Parallel to :data:`NAMES`.

    ``others`` are the similarities of the new question to the entries next in line, the nearest first: a question in a
    crowd of alike ones needs better evidence. ``weights`` are the words' idf among the kept questions.
    """
    weigh = weights.get
    only_new = [weigh(word, default_weight) for word in new.heavy - kept.heavy]
    only_kept = [weigh(word, default_weight) for word in kept.heavy - new.heavy]
    both = sum(weigh(word, default_weight) for word in new.heavy & kept.heavy)
    of_new, of_kept = _share(both, sum(only_new)), _share(both, sum(only_kept))
    longest = max(len(new.order), len(kept.order), 1)
    return [
        similarity,
        similarity * similarity,
        similarity - (others[0] if others else 0.0),
        sum(others) / len(others) if others else 0.0,
        of_new,
        of_kept,
        min(of_new, of_kept),
        max(only_new, default=0.0) / default_weight,
        max(only_kept, default=0.0) / default_weight,
        float(new.numbers != kept.numbers),
        float(names_differ(new, kept)),
        float(new.negated != kept.negated),
        float(new.asks != kept.asks),
        float(opposed(new, kept)),
        float(_same_order(new, kept)),
        min(len(new.order), len(kept.order)) / longest,
        similarity * min(of_new, of_kept),
        1.0 / longest,
    ]


def _share(both: float, missing: float) -> float:
    whole = both + missing
    return both / whole if whole else 1.0


def _same_order(new: Profile, kept: Profile) -> bool:
    shared = new.heavy & kept.heavy
    return [word for word in new.order if word in shared] == [word for word in kept.order if word in shared]
