"""How close together a passage has the words of a question."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

WINDOW: Final = 12
"""Words within which two words of a question belong together."""

_WORD: Final = re.compile(r"\w+")


def closeness(question: str, texts: Mapping[int, str]) -> dict[int, float]:
    """For each text 0 to 1: neighbouring words of the question that stand near each other in it, rare ones most."""
    asked = [_stem(word) for word in _WORD.findall(question.lower())]
    words = {key: [_stem(word) for word in _WORD.findall(text.lower())] for key, text in texts.items()}
    spread = {word: sum(word in set(has) for has in words.values()) for word in dict.fromkeys(asked)}
    weight = {word: math.log((len(texts) + 1) / (count + 0.5)) for word, count in spread.items() if count}
    pairs = {
        (one, other): weight[one] * weight[other]
        for one, other in itertools.pairwise(asked)
        if one != other and weight.get(one, 0) > 0 and weight.get(other, 0) > 0
    }
    most = sum(pairs.values())
    return {key: _near(pairs, has) / most if most else 0.0 for key, has in words.items()}


def _near(pairs: Mapping[tuple[str, str], float], words: Sequence[str]) -> float:
    places: dict[str, list[int]] = {}
    for at, word in enumerate(words):
        places.setdefault(word, []).append(at)
    total = 0.0
    for (one, other), weight in pairs.items():
        gaps = [abs(left - right) for left in places.get(one, ()) for right in places.get(other, ())]
        if gaps and min(gaps) <= WINDOW:
            total += weight * (1 - (min(gaps) - 1) / WINDOW)
    return total


def _stem(word: str) -> str:
    """Enough for plurals and the like; both sides are cut the same way."""
    return word[:7]
