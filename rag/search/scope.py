"""What a question is looked for in: collections of one tenant, what is known of them, and who may see what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from contracts.errors import InvalidRequest
from contracts.retrieval import ALL_ACCESS, Method, RetrievalQuery
from rag.engine.filters import Filter, filters_of
from rag.engine.fusing import DEPTH
from rag.models import Collection
from rag.search.indexing import MARK
from rag.search.limits import Asking
from rag.search.narrowing import Few, few_of
from rag.search.rows import LANGUAGES, Known, known_of, switched_on

MOST = 100
"""Passages that can be asked for."""
SCORED_WHOLE = 3_000
"""Chunks up to which collections, or what filters leave of them, are scored by words without an index."""

READ_S = 2.0
"""For collections and what is known of them, before any search."""


class Scope:
    """One question's collections and limits; read once a search."""

    def __init__(self, query: RetrievalQuery, collections: Sequence[Collection], known: Known) -> None:
        self.query = query
        self.tenant_id = UUID(query.tenant_id)
        self.collections = {one.pk: one for one in collections}
        self.indexes = known.indexes
        self.broken = known.broken
        self._marks = known.marks
        self._chunks_of_all = known.chunks_of_all
        self.few: Few | None = None
        """What filters and tags leave, where that is little of much; None: nothing is known, or nothing narrows."""
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
        return max(DEPTH, 2 * self.top_k)

    @property
    def generation(self) -> str:
        """Another one whenever documents or settings are."""
        return "|".join(
            f"{one.pk.hex}.{_stamp(one.updated_at)}.{_stamp(one.documents_at)}" for one in self.collections.values()
        )

    @cached_property
    def chunks(self) -> int:
        """In all collections."""
        return sum(self._marks.get(f"{MARK}{one}", 0) for one in self.ids)

    @property
    def is_most(self) -> bool:
        """Whether at least half of all chunks there are, of any tenant, are in the collections."""
        return 0 < self._chunks_of_all <= 2 * self.chunks

    @property
    def narrowed(self) -> bool:
        """Whether filters or tags may leave out something."""
        return bool(self.filters) or self.tags is not None

    @cached_property
    def languages(self) -> list[str]:
        """Of the documents."""
        return [one for one in LANGUAGES if f"{MARK}{one}" in self._marks]


def scope_of(query: RetrievalQuery) -> Scope:
    """What the question is looked for in, read.

    Raises:
        InvalidRequest: the tenant has no such collection, it is switched off, or the filters are malformed.
        DatabaseError: PostgreSQL cannot be asked.
    """
    asking = Asking(READ_S)
    known = known_of(asking, UUID(query.tenant_id), query.collections)
    scope = Scope(query, _chosen(known.collections, query.collections), known)
    if scope.chunks > SCORED_WHOLE and scope.narrowed:
        scope.few = few_of(asking, scope.tenant_id, scope.ids, scope.tags, scope.filters)
    return scope


def collections_of(tenant_id: str, names: Sequence[str]) -> list[Collection]:
    """The tenant's collections of these names, in order; without names, all that are switched on.

    Raises:
        InvalidRequest: there is no such collection, or it is switched off.
        DatabaseError: PostgreSQL cannot be asked.
    """
    return _chosen(switched_on(Asking(READ_S), UUID(tenant_id), names), names)


def _chosen(collections: Sequence[Collection], names: Sequence[str]) -> list[Collection]:
    found = {one.name: one for one in collections}
    wanted = list(dict.fromkeys(names)) or sorted(found)
    if missing := [name for name in wanted if name not in found]:
        raise InvalidRequest(f"There is no collection {missing[0][:64]!r}.", param="retrieval.collections")
    if not wanted:
        raise InvalidRequest("There is no collection yet.", param="retrieval.collections")
    return [found[name] for name in wanted]


def _first(values: Any) -> str:
    return next((one for one in values if one), "")


def _stamp(moment: Any) -> str:
    return f"{int(moment.timestamp() * 1_000_000):x}" if moment else "0"
