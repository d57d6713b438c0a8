"""The words around a candidate, which tell a telephone number from an order number."""

from __future__ import annotations

import re
from typing import Final

REACH: Final = 48
"""Characters before a candidate in which its context is looked for; a third of it behind."""

_WORD: Final = re.compile(r"[^\W\d_]+")


def words(*alternatives: str) -> frozenset[str]:
    """Single words, in lower case, any of which is the context."""
    return frozenset(alternatives)


def near(text: str, start: int, end: int, context: frozenset[str]) -> bool:
    """Whether one of the words stands before, or close behind, ``text[start:end]``."""
    return before(text, start, context) or not context.isdisjoint(_WORD.findall(text[end : end + REACH // 3].lower()))


def before(text: str, start: int, context: frozenset[str]) -> bool:
    """Whether one of the words stands before ``start``."""
    return not context.isdisjoint(_WORD.findall(text[max(0, start - REACH) : start].lower()))
