"""Texts cut into what can be about one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

MOST_WORDS: Final = 60
"""A passage of more is cut: a mean over too many words is about everything."""
LEAST_WORDS: Final = 3
"""Fewer say nothing of a topic by themselves; they count with their neighbours."""
MOST_PASSAGES: Final = 4_000
"""Of one text; what comes beyond is cut into longer ones."""

_SENTENCE: Final = re.compile(r"[^.!?\n\u3002\uff01\uff1f]+[.!?\u3002\uff01\uff1f]*")
_WORD: Final = re.compile(r"\w+")
Span = tuple[int, int]


def sentences(text: str) -> list[Span]:
    """Start and end of each sentence; very long ones in pieces."""
    words = max(MOST_WORDS, len(text) // (MOST_PASSAGES * 4))
    return [piece for match in _SENTENCE.finditer(text) for piece in _pieces(text, *match.span(), words)]


def with_neighbours(text: str, spans: list[Span]) -> list[Span]:
    """Each two that follow each other and are short enough to be read as one."""
    return [
        (one[0], other[1])
        for one, other in pairwise(spans)
        if other[1] - one[0] <= MOST_WORDS * 6 and "\n\n" not in text[one[1] : other[0]]
    ]


def words_in(text: str, span: Span) -> int:
    """How many words the passage has."""
    return sum(1 for _ in _WORD.finditer(text, *span))


def _pieces(text: str, start: int, end: int, most: int) -> Iterator[Span]:
    words = [match.span() for match in _WORD.finditer(text, start, end)]
    if not words:
        return
    for first in range(0, len(words), most):
        last = min(first + most, len(words))
        # Punctuation before the first word is nobody's; that behind the last belongs to it.
        yield words[first][0], (end if last == len(words) else words[last - 1][1])
