"""BM25 in SQL: chunks that have the question's rarest lexemes, scored by all of them.

A chunk's part of each lexeme is stored (``weights``); the question is a sparse vector of how rare its lexemes are; the
score is their inner product. Small collections are scored whole. In large ones the GIN index gives some thousands of
candidates, more when filters leave too few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from rag.engine.wording import Wording, candidates, idf, rarest, wording_of
from rag.search.conditions import conditions
from rag.search.indexing import MARK
from rag.search.limits import Asking
from rag.search.scope import SCORED_WHOLE, Scope

BUDGET: Final = 1_800
"""Candidates that a question is to have in a large one."""
WIDER: Final = 11
"""How many times as many are looked at where filters left too few."""

_LEXEMES: Final = """
    SELECT known.lexeme, 1 + abs(hashtextextended(known.lexeme, 0) %% 1000000000), sum(known.chunks)::bigint
    FROM rag_lexeme AS known
    WHERE known.tenant_id = %(tenant)s AND known.collection_id = ANY(%(collections)s) AND known.chunks > 0
        AND known.lexeme = ANY(ARRAY(
            SELECT unnest(tsvector_to_array(to_tsvector(language::regconfig, %(words)s)))
            FROM unnest(%(languages)s::text[]) AS language
        ))
    GROUP BY known.lexeme
"""
_SCORED: Final = """
    SELECT scored.id, scored.score FROM (
        SELECT c.id, -(c.weights <#> %(query)s::sparsevec) AS score
        FROM rag_chunk AS c
        WHERE c.tenant_id = %(tenant)s AND c.collection_id = ANY(%(collections)s){conditions}
        LIMIT %(most)s
    ) AS scored
    WHERE scored.score > 0 ORDER BY scored.score DESC, scored.id LIMIT %(depth)s
"""


class Hit(msgspec.Struct, frozen=True):
    """A chunk, and how well it fits: BM25, or cosine."""

    chunk_id: int
    score: float


class Question(msgspec.Struct, frozen=True):
    """A question's words, as the collections know them."""

    wording: Wording
    places: dict[str, int]
    """Where each lexeme stands in the sparse vectors."""
    counts: dict[str, int]
    """In how many chunks it stands."""
    demands: str = ""
    """What has to be there and what must not, as a tsquery; empty: nothing."""


def question_of(asking: Asking, scope: Scope, text: str) -> Question:
    """Read the question in all languages of the collections."""
    wording = wording_of(text)
    languages = scope.languages
    values = {
        "tenant": scope.tenant_id,
        "collections": scope.ids,
        "languages": languages,
        "words": wording.words,
    }
    rows = asking.rows(_LEXEMES, values)
    demands = _demands(asking, wording, languages) if wording.has_operators and languages else ""
    return Question(wording, {word: int(at) for word, at, _ in rows}, {word: int(n) for word, _, n in rows}, demands)


def _demands(asking: Asking, wording: Wording, languages: Sequence[str]) -> str:
    """Phrases in any of the languages, and none of the words that are left out, as PostgreSQL writes it."""
    parts: list[str] = []
    values: dict[str, str] = {f"language_{at}": language for at, language in enumerate(languages)}
    for function, negation, texts in (("phraseto", "", wording.phrases), ("plainto", "!!", wording.without)):
        for number, text in enumerate(texts):
            name = f"{function}_{number}"
            either = " || ".join(
                f"{function}_tsquery(%(language_{at})s::regconfig, %({name})s)" for at in range(len(languages))
            )
            parts.append(f"{negation}({either})")
            values[name] = text
    return str(asking.rows(f"SELECT ({' && '.join(parts)})::text", values)[0][0])


def search_words(asking: Asking, scope: Scope, question: Question) -> list[Hit]:
    """Chunks by BM25, the best first."""
    if not question.counts:
        return []
    left = scope.few.chunks if scope.few else scope.chunks
    whole = left <= SCORED_WHOLE
    # Where it is known what filters leave, as many more are looked for as they will drop.
    budget = left if whole else min(BUDGET * WIDER, BUDGET * scope.chunks // left)
    found = _scored(asking, scope, question, budget, whole=whole)
    narrowed = scope.narrowed or bool(question.demands)
    too_few = narrowed and not whole and len(found) < scope.depth // 2
    if too_few and max(question.counts.values()) > budget < BUDGET * WIDER:
        found = _scored(asking, scope, question, BUDGET * WIDER, whole=False)
    if not found and question.demands:
        # What is demanded is nowhere: then it is words like others.
        return search_words(asking, scope, msgspec.structs.replace(question, demands=""))
    return found


def _scored(asking: Asking, scope: Scope, question: Question, budget: int, *, whole: bool) -> list[Hit]:
    more, values = conditions("c", scope.tags, scope.filters, scope.few)
    values |= {
        "tenant": scope.tenant_id,
        "collections": scope.ids,
        "query": _sparse(question, scope.chunks),
        "most": SCORED_WHOLE * 2 if whole else budget * 3,
        "depth": scope.depth,
    }
    if not whole:
        more += " AND c.lexemes @@ %(candidates)s::tsquery"
        values["candidates"] = _tsquery(scope, candidates(question.counts, scope.chunks, budget))
    if question.demands:
        more += " AND c.lexemes @@ %(demands)s::tsquery"
        values["demands"] = question.demands
    found = asking.rows(_SCORED.format(conditions=more), values)
    return [Hit(int(chunk), float(score)) for chunk, score in found]


def _sparse(question: Question, chunks: int) -> str:
    """The question as a sparse vector: how rare each lexeme is, where it stands."""
    parts: dict[int, float] = {}
    for lexeme in rarest(question.counts):
        place = question.places[lexeme]
        parts[place] = parts.get(place, 0.0) + idf(question.counts[lexeme], chunks)
    return "{" + ",".join(f"{place}:{value:.5f}" for place, value in parts.items()) + "}/1000000000"


def _tsquery(scope: Scope, sets: Sequence[Sequence[str]]) -> str:
    either = " | ".join(f"({' & '.join(_quoted(one) for one in words)})" for words in sets)
    if scope.is_most:
        return either  # dropping the rest afterwards is quicker than going through what the mark has
    here = " | ".join(_quoted(f"{MARK}{one}") for one in scope.ids)
    return f"({here}) & ({either})"


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
