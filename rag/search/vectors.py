"""Chunks by the likeness of their vectors to the question's: exactly, or by an HNSW index where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from rag.models import EmbeddingIndex
from rag.search.conditions import conditions
from rag.search.keyword import Hit
from rag.search.limits import NONE, Asking, Setting
from rag.search.scope import Scope

EF_SEARCH: Final = 220
"""Nodes that a search of HNSW keeps in view: recall against time."""
MAX_SCANNED: Final = 60_000
"""Vectors that it goes on through at most where filters drop most of them."""

_NEAREST: Final = """
    SELECT v.chunk_id, -(v.vector::halfvec({dimensions}) <#> %(query)s::halfvec({dimensions})) AS similarity
    FROM rag_chunkvector AS v
    WHERE v.tenant_id = %(tenant)s AND {of_index}{conditions}
    ORDER BY v.vector::halfvec({dimensions}) <#> %(query)s::halfvec({dimensions}) LIMIT %(depth)s
"""
_ALL: Final = """
    SELECT v.chunk_id, -(v.vector <#> %(query)s::halfvec({dimensions})) AS similarity
    FROM rag_chunkvector AS v
    WHERE v.tenant_id = %(tenant)s AND {of_index}{conditions}
    ORDER BY similarity DESC LIMIT %(depth)s
"""
"""What an HNSW index has in order is the distance of vectors of known dimensions, so that none is taken for this."""
_BY_GRAPH: Final = {"hnsw.iterative_scan": "relaxed_order", "enable_sort": "off", "enable_seqscan": "off"}
_VECTORS: Final = """
    SELECT v.chunk_id, v.vector::real[] FROM rag_chunkvector AS v
    WHERE v.tenant_id = %(tenant)s AND v.index_id = ANY(%(indexes)s) AND v.chunk_id = ANY(%(chunks)s)
"""


def nearest(asking: Asking, scope: Scope, indexes: Sequence[EmbeddingIndex], vector: Sequence[float]) -> list[Hit]:
    """Of indexes by one model: the nearest chunks, the best first."""
    found: list[Hit] = []
    exact = [one for one in indexes if one.searched_by != "hnsw"]
    if exact:
        found += _nearest(asking, scope, [one.pk for one in exact], vector)
    for one in indexes:
        if one.searched_by == "hnsw":
            found += _by_graph(asking, scope, one, vector)
    return sorted(found, key=lambda hit: (-hit.score, hit.chunk_id))[: scope.depth]


def _by_graph(asking: Asking, scope: Scope, index: EmbeddingIndex, vector: Sequence[float]) -> list[Hit]:
    """By the index of its own; where filters leave few, or it did not meet enough of what they leave, by comparing."""
    if scope.few:
        return _nearest(asking, scope, [index.pk], vector, _ALL)
    settings = _BY_GRAPH | {
        "hnsw.ef_search": str(max(EF_SEARCH, scope.depth)),
        "hnsw.max_scan_tuples": str(MAX_SCANNED),
    }
    found = _nearest(asking, scope, [index.pk], vector, settings=settings)
    if len(found) < scope.depth and scope.narrowed:
        return _nearest(asking, scope, [index.pk], vector, _ALL)
    return found


def _nearest(
    asking: Asking,
    scope: Scope,
    index_ids: list[UUID],
    vector: Sequence[float],
    how: str = _NEAREST,
    settings: Mapping[str, Setting] = NONE,
) -> list[Hit]:
    more, values = conditions("v", scope.tags, scope.filters, scope.few)
    # One id stands as it is, so that PostgreSQL sees that the partial index of just this one will do.
    of_index = "v.index_id = %(index)s" if len(index_ids) == 1 else "v.index_id = ANY(%(index)s)"
    values |= {
        "tenant": scope.tenant_id,
        "index": index_ids[0] if len(index_ids) == 1 else index_ids,
        "query": msgspec.json.encode(vector).decode(),  # as PostgreSQL writes vectors, and as quickly as can be
        "depth": scope.depth,
    }
    sql = how.format(dimensions=len(vector), of_index=of_index, conditions=more)
    return [Hit(int(chunk), float(similarity)) for chunk, similarity in asking.rows(sql, values, settings)]


def vectors_of(asking: Asking, scope: Scope, chunk_ids: Sequence[int]) -> dict[int, list[float]]:
    """The vectors of these chunks, of those that have one."""
    values = {"tenant": scope.tenant_id, "indexes": [one.pk for one in scope.indexes], "chunks": list(chunk_ids)}
    return dict(asking.rows(_VECTORS, values))
