"""One search: by words, by vectors, fused; a part that is missing or slow is left out, and said so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from django.db import DatabaseError, InterfaceError

from contracts.errors import ServiceUnavailable
from contracts.retrieval import Method
from rag.engine.fusing import LESS_SURE, OTHER_WORDS, Ranking, fused, without_repetitions
from rag.models import EmbeddingIndex
from rag.search.keyword import Hit, Question, question_of, search_words
from rag.search.limits import Asking, Deadline, failure
from rag.search.scope import Scope
from rag.search.texts import Text, texts_of
from rag.search.vectors import nearest

log = logging.getLogger(__name__)

Vector = Sequence[float]
Vectors = Mapping[str, Sequence[Vector] | str]
"""For each model the vectors of all questions in order, or why there are none."""

RERANKED: Final = 40
"""The best of a search that are looked at once more."""


class Shortlist(msgspec.Struct):
    """What one search found, before the last word on its order."""

    scope: Scope
    queries: tuple[str, ...]
    texts: dict[int, Text]
    """The best first."""
    fused: dict[int, float]
    keyword: dict[int, tuple[int, float]] = {}
    """Rank and BM25, for the first question."""
    vector: dict[int, tuple[int, float]] = {}
    """Rank and cosine."""
    method: Method = Method.HYBRID
    degraded: list[str] = []
    timings: dict[str, float] = {}


class Search:
    """One question's search within its deadline."""

    def __init__(self, scope: Scope, queries: Sequence[str], deadline: Deadline) -> None:
        self._scope = scope
        self._queries = tuple(queries)
        self._deadline = deadline
        self._rankings: list[Ranking] = []
        self._first: dict[str, list[Hit]] = {}
        self._questions: list[Question] = []
        self._out: list[str] = []
        self.timings: dict[str, float] = {}

    def run(self, vectors: Callable[[], Vectors], *, most: int) -> Shortlist:
        """What was found, at most so many.

        Raises:
            ServiceUnavailable: no part of it could be done.
        """
        wanted = self._scope.method
        words = self._part("keyword", "keywords", self._by_words) if wanted != Method.VECTOR else False
        nearby = (
            self._part("vector", "vectors", lambda: self._by_vectors(vectors)) if wanted != Method.KEYWORD else False
        )
        if wanted == Method.VECTOR and not nearby:
            words = self._part("keyword", "keywords", self._by_words)
        if not words and not nearby:
            raise ServiceUnavailable("Documents cannot be searched at the moment. Try again shortly.")
        scores = fused(self._rankings)
        texts = self._texts(scores, most)
        return Shortlist(
            scope=self._scope,
            queries=self._queries,
            texts=texts,
            fused={key: scores[key] for key in texts},
            keyword=_ranks(self._first.get("keyword", [])),
            vector=_ranks(self._first.get("vector", [])),
            method=Method.HYBRID if words and nearby else Method.KEYWORD if words else Method.VECTOR,
            degraded=self._out,
            timings=self.timings,
        )

    def _part(self, name: str, part: str, search: Callable[[], bool]) -> bool:
        with self._timed(name):
            try:
                return search()
            except (DatabaseError, InterfaceError) as error:
                log.warning("A search went on without its %s: %s", part, error)
                self._out.append(failure(part, error))
                return False

    def _by_words(self) -> bool:
        rankings = []
        for text in self._queries:
            asking = Asking(self._deadline.left_s(0.5))
            question = question_of(asking, self._scope, text)
            self._questions.append(question)
            rankings.append(search_words(asking, self._scope, question))
        self._keep("keyword", rankings)
        return True

    def _by_vectors(self, vectors: Callable[[], Vectors]) -> bool:
        indexes = [one for one in self._scope.indexes if self._searchable(one)]
        given = vectors() if indexes else {}
        searched = False
        for model, of_model in _by_model(indexes).items():
            found = given.get(model, "vectors_embedding_failed")
            if isinstance(found, str):
                self._out.append(found)
                continue
            fitting = [one for one in of_model if one.dimensions in (None, len(found[0]))]
            if len(fitting) < len(of_model):
                self._out.append("vectors_dimensions")
            if fitting:
                asking = Asking(self._deadline.left_s(0.7))
                rankings = [nearest(asking, self._scope, fitting, vector) for vector in found]
                self._keep("vector", rankings, LESS_SURE.get(model, 1.0))
                searched = True
        if not self._scope.indexes and self._scope.chunks:
            self._out.append("vectors_no_index")
        return searched

    def _searchable(self, index: EmbeddingIndex) -> bool:
        if index.pk in self._scope.broken:
            self._out.append("vectors_index_broken")
            return False
        return True

    def _keep(self, name: str, rankings: Sequence[Sequence[Hit]], weight: float = 1.0) -> None:
        for number, hits in enumerate(rankings):
            keys = tuple(hit.chunk_id for hit in hits)
            self._rankings.append(Ranking(keys, weight if number == 0 else weight * OTHER_WORDS))
        self._first.setdefault(name, []).extend(rankings[0])

    def _texts(self, scores: Mapping[int, float], most: int) -> dict[int, Text]:
        """Texts of the best, each text once; read behind row-level security."""
        question = self._questions[0] if self._questions else None
        lexemes = list(question.counts) if question and self._scope.query.explain else []
        demands = question.demands if question else ""
        with self._timed("texts"):
            try:
                asking = Asking(self._deadline.left_s())
                # Some more than wanted: what repeats another text falls out.
                found = texts_of(asking, self._scope, list(scores)[: most + most // 2 + 10], lexemes)
                allowed = _meeting(asking, self._scope, list(found), demands) if demands else set(found)
            except (DatabaseError, InterfaceError) as error:
                log.warning("Passages could not be read: %s", error)
                raise ServiceUnavailable("Documents cannot be read at the moment. Try again shortly.") from error
        ordered = [key for key in scores if key in found and key in allowed]
        kept = without_repetitions(ordered, lambda key: found[key].text_hash or str(key))
        return {key: found[key] for key in kept[:most]}

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + (time.perf_counter() - began) * 1_000


_MEETING: Final = """
    SELECT c.id FROM rag_chunk AS c
    WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(chunks)s) AND c.lexemes @@ %(demands)s::tsquery
"""


def _meeting(asking: Asking, scope: Scope, chunk_ids: list[int], demands: str) -> set[int]:
    """Those that have the phrases, and none of the words left out; where no chunk does, they are words like others."""
    values = {"tenant": scope.tenant_id, "chunks": chunk_ids, "demands": demands}
    return {int(key) for (key,) in asking.rows(_MEETING, values)} or set(chunk_ids)


def _by_model(indexes: Sequence[EmbeddingIndex]) -> dict[str, list[EmbeddingIndex]]:
    found: dict[str, list[EmbeddingIndex]] = {}
    for one in indexes:
        found.setdefault(one.model, []).append(one)
    return found


def _ranks(hits: Sequence[Hit]) -> dict[int, tuple[int, float]]:
    return {hit.chunk_id: (rank, hit.score) for rank, hit in enumerate(hits, start=1)}
