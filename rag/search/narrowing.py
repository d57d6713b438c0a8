"""How much filters and access tags leave of collections: told by documents, whose metadata and tags their chunks have.

An HNSW index walks past what is dropped, and where nearly all is, it walks through nearly all. What is few is compared
whole instead, which is exact and quicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from rag.engine.filters import Filter
from rag.search.conditions import Few as Few
from rag.search.conditions import conditions
from rag.search.limits import Asking

MOST_CHUNKS: Final = 50_000
"""So many are compared more quickly than an HNSW index is walked through to where as many are left (docs/RAG.md)."""
MOST_DOCUMENTS: Final = 3_000

_LEFT: Final = """
    SELECT CASE WHEN count(*) <= %(most)s AND sum(chunk_count) <= %(chunks)s THEN array_agg(id) END, sum(chunk_count)
    FROM (
        SELECT d.id, d.chunk_count FROM rag_document AS d
        WHERE d.tenant_id = %(tenant)s AND d.collection_id = ANY(%(collections)s) AND d.chunk_count > 0{conditions}
        LIMIT %(most)s + 1
    ) AS met
"""


def few_of(
    asking: Asking, tenant_id: UUID, collections: Sequence[UUID], tags: Sequence[str] | None, filters: Sequence[Filter]
) -> Few | None:
    """The documents that are left, where they have few chunks (or none); None where they have many."""
    more, values = conditions("d", tags, filters)
    values |= {"tenant": tenant_id, "collections": list(collections), "most": MOST_DOCUMENTS, "chunks": MOST_CHUNKS}
    [(documents, chunks)] = asking.rows(_LEFT.format(conditions=more), values)
    if chunks is None:
        return Few([], 0)
    return Few(documents, int(chunks)) if documents is not None else None
