"""The last word on the order of what was found, and passages as callers get them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import DatabaseError

from contracts.retrieval import Found, Passage, Retrieved
from rag.engine.fusing import diverse
from rag.engine.likeness import Likeness, likeness_of_texts, likeness_of_vectors
from rag.search.finding import Shortlist
from rag.search.limits import Asking, Deadline
from rag.search.vectors import vectors_of


def retrieved(short: Shortlist, deadline: Deadline, reranked: Mapping[int, float] | None = None) -> Retrieved:
    """The passages, the best first; ``reranked`` has scores (0 to 1) that go before those of the search."""
    scope = short.scope
    scores = dict(short.fused)
    if reranked:
        # What the reranker was not shown stands below what it was.
        lowest = min(reranked.values())
        scores = {key: reranked.get(key, lowest * score) for key, score in scores.items()}
        scores = dict(sorted(scores.items(), key=lambda item: -item[1]))
    chosen = list(scores)[: scope.top_k]
    if scope.diversity > 0 and len(scores) > 1:
        chosen = diverse(scores, _likeness(short, deadline), diversity=scope.diversity, most=scope.top_k)
    return Retrieved(
        passages=tuple(_passage(short, key, scores[key], reranked) for key in chosen),
        method=short.method,
        queries=short.queries,
        degraded=", ".join(dict.fromkeys(short.degraded)),
        timings_ms={name: round(value, 2) for name, value in short.timings.items()},
        generation=scope.generation,
    )


def _likeness(short: Shortlist, deadline: Deadline) -> Likeness:
    try:
        vectors = vectors_of(Asking(deadline.left_s()), short.scope, list(short.texts))
    except DatabaseError:
        vectors = {}
    if set(short.texts) <= set(vectors):
        return likeness_of_vectors(vectors)
    return likeness_of_texts({key: text.text for key, text in short.texts.items()})


def _passage(short: Shortlist, key: int, score: float, reranked: Mapping[int, float] | None) -> Passage:
    text = short.texts[key]
    return Passage(
        collection=short.scope.collections[text.collection_id].name,
        document_id=str(text.document_id),
        external_id=text.external_id,
        title=text.title,
        uri=text.uri,
        chunk_id=key,
        position=text.position,
        start=text.start,
        end=text.end,
        text=text.text,
        score=round(min(1.0, max(0.0, score)), 4),
        heading=text.heading,
        page=text.page,
        metadata=text.metadata,
        found=_found(short, key, reranked) if short.scope.query.explain else None,
    )


def _found(short: Shortlist, key: int, reranked: Mapping[int, float] | None) -> Found:
    keyword_rank, keyword_score = short.keyword.get(key, (None, None))
    vector_rank, similarity = short.vector.get(key, (None, None))
    return Found(
        keyword_rank=keyword_rank,
        keyword_score=keyword_score,
        vector_rank=vector_rank,
        similarity=similarity,
        fused_score=short.fused[key],
        rerank_score=(reranked or {}).get(key),
        matched=tuple(sorted(short.texts[key].matched)),
    )
