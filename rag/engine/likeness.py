"""How alike two passages are: by their vectors, or by the words they share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

Likeness = Callable[[int, int], float]


def likeness_of_vectors(vectors: Mapping[int, Sequence[float]]) -> Likeness:
    """Cosine of unit vectors; those of different lengths are of different models, and unlike."""

    def likeness(one: int, other: int) -> float:
        left, right = vectors[one], vectors[other]
        if len(left) != len(right):
            return 0.0
        return sum(a * b for a, b in zip(left, right, strict=True))

    return likeness


def likeness_of_texts(texts: Mapping[int, str]) -> Likeness:
    """Words that both have, of all that either has (Jaccard)."""
    words = {key: frozenset(re.findall(r"\w+", text.lower())) for key, text in texts.items()}

    def likeness(one: int, other: int) -> float:
        either = words[one] | words[other]
        return len(words[one] & words[other]) / len(either) if either else 0.0

    return likeness
