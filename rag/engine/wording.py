"""What a question asks for by its words: phrases in quotation marks, words that must not be there, the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

import msgspec

MAX_CHARACTERS: Final = 8_000
"""Of a question; what follows is not searched by."""
MAX_LEXEMES: Final = 64
"""The rarest of a question that are scored."""
LONGEST_PHRASE: Final = 8
"""Words; what is longer in quotation marks is a quotation, not an operator."""

_PHRASE: Final = re.compile(r'"([^"\n]{2,200})"')
_WITHOUT: Final = re.compile(r"(?:(?<=\s)|\A)-([^\W\d_][\w'-]*)")


class Wording(msgspec.Struct, frozen=True):
    """A question, taken apart."""

    words: str
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def has_operators(self) -> bool:
        """Whether it demands more than to be alike."""
        return bool(self.phrases or self.without)


def wording_of(text: str) -> Wording:
    """The question's parts. Words of phrases count as words as well; those left out do not."""
    text = text.replace("\x00", " ")[:MAX_CHARACTERS]
    phrases = tuple(one.strip() for one in _PHRASE.findall(text) if 1 < len(one.split()) <= LONGEST_PHRASE)
    without = tuple(_WITHOUT.findall(text))
    words = _WITHOUT.sub(" ", text)
    # What consists of nothing but words left out is searched by as it stands.
    return Wording(words, phrases, without) if words.strip() else Wording(text)


def idf(chunks: int, of: int) -> float:
    """How much a lexeme tells that stands in so many chunks of so many (Lucene's, never negative)."""
    return math.log(1 + (max(of, chunks) - chunks + 0.5) / (chunks + 0.5))


def rarest(counts: Mapping[str, int]) -> list[str]:
    """Lexemes that are there, the rarest first, at most :data:`MAX_LEXEMES`."""
    return sorted((one for one, count in counts.items() if count > 0), key=lambda one: (counts[one], one))[:MAX_LEXEMES]


def candidates(counts: Mapping[str, int], of: int, budget: int) -> list[tuple[str, ...]]:
    """Sets of lexemes: a chunk that has all of one of them is scored. About ``budget`` chunks in all.

    Single lexemes while they fit, the rarest first. Where not even the rarest fits, those that have it and others too,
    until these fit; so a question of common words alone never goes through a whole collection.
    """
    ordered = rarest(counts)
    chosen: list[tuple[str, ...]] = []
    left = float(budget)
    for lexeme in ordered:
        if counts[lexeme] > left:
            break
        chosen.append((lexeme,))
        left -= counts[lexeme]
    if chosen or not ordered:
        return chosen
    return _together(ordered, counts, of, left) or [tuple(ordered[:3])]


def _together(ordered: list[str], counts: Mapping[str, int], of: int, left: float) -> list[tuple[str, ...]]:
    chosen: list[tuple[str, ...]] = []
    for pair in _sets(ordered[:5]):
        expected = _expected([counts[one] for one in pair], of)
        if expected <= left and not any(set(had) <= set(pair) for had in chosen):
            chosen.append(pair)
            left -= expected
    return chosen


def _sets(lexemes: list[str]) -> Iterator[tuple[str, ...]]:
    yield from combinations(lexemes, 2)
    yield from combinations(lexemes, 3)


def _expected(counts: list[int], of: int) -> float:
    """Chunks that have all of them. Words of one question stand together some three times as often as by chance."""
    expected = float(counts[0])
    for count in counts[1:]:
        expected *= min(1.0, 3 * count / max(of, 1))
    return expected
