"""Which of the expected things a ranking of passages has: documents by id, passages by their words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag.engine.ranking import each_once, ndcg, recall, reciprocal_rank

COVER: Final = 0.8
"""Share of the words of an expected passage that one found must have; passages are cut otherwise than people quote."""
DEPTH: Final = 10
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """One passage of a ranking."""

    document_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Measures:
    """How well one question was answered by a ranking, or the means over questions."""

    ndcg: float
    recall: float
    reciprocal_rank: float


def measured(
    passages: Sequence[FoundPassage], expected: Sequence[str], documents: Mapping[str, str], depth: int
) -> Measures:
    """Of one question. ``documents``: id by what was expected, of those that are names; the rest are words."""
    wanted = {documents.get(one, one) for one in expected}
    words = {one: _words(one) for one in expected if one not in documents}
    ranked = each_once([_label(one, wanted, words) for one in passages])
    return Measures(ndcg(ranked, wanted, DEPTH), recall(ranked, wanted, depth), reciprocal_rank(ranked, wanted))


def mean(rows: Sequence[Measures]) -> Measures:
    """Over questions; zeros where there are none."""
    count = len(rows) or 1
    return Measures(
        sum(one.ndcg for one in rows) / count,
        sum(one.recall for one in rows) / count,
        sum(one.reciprocal_rank for one in rows) / count,
    )


def _label(passage: FoundPassage, wanted: set[str], words: Mapping[str, frozenset[str]]) -> str:
    if passage.document_id in wanted:
        return passage.document_id
    own = _words(passage.text)
    for name, expected in words.items():
        if expected and len(expected & own) >= COVER * min(len(expected), max(len(own), 1)):
            return name
    return passage.document_id


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(text.casefold()))
