"""What a question is looked for in: collections of one tenant, what is known of them, and who may see what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from contracts.errors import InvalidRequest
from contracts.retrieval import ALL_ACCESS, Method, RetrievalQuery
from rag.collection_rows import Language
from rag.engine.filters import Filter, filters_of
from rag.engine.fusing import DEPTH
from rag.models import Collection, EmbeddingIndex
from rag.search.indexing import MARK
from rag.search.narrowing import Few, few_of
from rag.search.rows import indexes_in_use, switched_on

MOST = 100
"""Passages that can be asked for."""
SCORED_WHOLE = 3_000
"""Chunks up to which collections, or what filters leave of them, are scored by words without an index."""

_LANGUAGES = tuple(one for one in Language.values if one != Language.AUTO)
_COUNTS = """
    SELECT lexeme, sum(chunks)::bigint FROM rag_lexeme
    WHERE tenant_id = %s AND collection_id = ANY(%s) AND lexeme = ANY(%s) AND chunks > 0 GROUP BY lexeme
"""
_VALID = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = ANY(%s) AND indisvalid"


class Scope:
    """One question's collections and limits; read once a search."""

    def __init__(self, query: RetrievalQuery, collections: Sequence[Collection]) -> None:
        self.query = query
        self.tenant_id = UUID(query.tenant_id)
        self.collections = {one.pk: one for one in collections}
        self.filters: tuple[Filter, ...] = filters_of(query.filters)
        first = collections[0]
        methods = {one.method for one in collections}
        own = Method(methods.pop()) if len(methods) == 1 else Method.HYBRID
        self.method = query.method or own
        self.top_k = min(MOST, max(1, query.top_k or max(one.top_k for one in collections)))
        self.diversity = max(one.diversity for one in collections)
        self.timeout_s = max(one.timeout_ms for one in collections) / 1_000
        self.rewrite_route = "" if query.rewrite is False else _first(one.rewrite_route for one in collections)
        self.reranker = Collection.Reranker.NONE if query.rerank is False else Collection.Reranker(first.reranker)
        if query.rerank and self.reranker == Collection.Reranker.NONE:
            self.reranker = Collection.Reranker.MODEL if self.rerank_route else Collection.Reranker.LOCAL

    @property
    def ids(self) -> list[UUID]:
        """Of the collections."""
        return list(self.collections)

    @property
    def tags(self) -> list[str] | None:
        """The caller's; None where it sees all."""
        return None if ALL_ACCESS in self.query.access_tags else sorted(self.query.access_tags)

    @property
    def rerank_route(self) -> str:
        """The route whose model reranks; empty: none."""
        return _first(one.rerank_route for one in self.collections.values())

    @property
    def depth(self) -> int:
        """How many each search finds before they are fused."""
        return DEPTH

    @property
    def generation(self) -> str:
        """Another one whenever documents or settings are."""
        return "|".join(
            f"{one.pk.hex}.{_stamp(one.updated_at)}.{_stamp(one.documents_at)}" for one in self.collections.values()
        )

    @cached_property
    def marks(self) -> dict[str, int]:
        """Chunks of each collection (by ``@`` and its id) and of each language (by ``@`` and its name)."""
        lexemes = [f"{MARK}{one}" for one in (*self.ids, *_LANGUAGES)]
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, [self.tenant_id, self.ids, lexemes])
            return {lexeme: int(chunks) for lexeme, chunks in cursor.fetchall()}

    @property
    def chunks(self) -> int:
        """In all collections."""
        return sum(self.marks.get(f"{MARK}{one}", 0) for one in self.ids)

    @cached_property
    def few(self) -> Few | None:
        """What filters and tags leave, where that is little of much; None: nothing is known, or nothing narrows."""
        if self.chunks <= SCORED_WHOLE or (self.tags is None and not self.filters):
            return None
        with connection.cursor() as cursor:
            return few_of(cursor, self.tenant_id, self.ids, self.tags, self.filters)

    @property
    def languages(self) -> list[str]:
        """Of the documents."""
        return [one for one in _LANGUAGES if f"{MARK}{one}" in self.marks]

    @cached_property
    def indexes(self) -> list[EmbeddingIndex]:
        """Vectors in use, of those collections that have some."""
        return indexes_in_use(self.tenant_id, self.ids)

    @cached_property
    def broken(self) -> frozenset[UUID]:
        """Indexes whose HNSW is missing or invalid: without it a search would take seconds."""
        names = {hnsw_name(one.pk): one.pk for one in self.indexes if one.searched_by == "hnsw"}
        if not names:
            return frozenset()
        with connection.cursor() as cursor:
            cursor.execute(_VALID, [list(names)])
            valid = {name for (name,) in cursor.fetchall()}
        return frozenset(index for name, index in names.items() if name not in valid)


def scope_of(query: RetrievalQuery) -> Scope:
    """What the question is looked for in.

    Raises:
        InvalidRequest: the tenant has no such collection, it is switched off, or the filters are malformed.
    """
    return Scope(query, collections_of(query.tenant_id, query.collections))


def collections_of(tenant_id: str, names: Sequence[str]) -> list[Collection]:
    """The tenant's collections of these names, in order; without names, all that are switched on.

    Raises:
        InvalidRequest: there is no such collection, or it is switched off.
    """
    found = {one.name: one for one in switched_on(UUID(tenant_id), names)}
    wanted = list(dict.fromkeys(names)) or sorted(found)
    if missing := [name for name in wanted if name not in found]:
        raise InvalidRequest(f"There is no collection {missing[0][:64]!r}.", param="retrieval.collections")
    if not wanted:
        raise InvalidRequest("There is no collection yet.", param="retrieval.collections")
    return [found[name] for name in wanted]


def hnsw_name(index_id: UUID) -> str:
    """What PostgreSQL calls the index of its own that an embedding index has."""
    return f"rag_hnsw_{index_id.hex}"


def _first(values: Any) -> str:
    return next((one for one in values if one), "")


def _stamp(moment: Any) -> str:
    return f"{int(moment.timestamp() * 1_000_000):x}" if moment else "0"
