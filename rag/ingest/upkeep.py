"""PostgreSQL's own indexes over many vectors: made where a collection has become large, dropped where it is gone."""

from __future__ import annotations

import logging
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Sum
from psycopg import sql

from contracts.tenant_scope import across_tenants
from rag.ingest.locks import only_worker
from rag.models import Document, EmbeddingIndex
from rag.search import hnsw
from rag.search.rows import hnsw_name

log = logging.getLogger(__name__)

State = EmbeddingIndex.State
_MADE: Final = (
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
    " WHERE i.indrelid = 'rag_chunkvector'::regclass AND a.amname = 'hnsw'"
)


def ensured(index: EmbeddingIndex) -> bool:
    """Whether the vectors have the index that they want by now; False where another worker is at it, or it failed."""
    with only_worker(f"hnsw:{index.pk}") as alone:
        if not alone:
            return False
        try:
            hnsw.ensure_index(index)
        except DatabaseError as error:
            log.warning("the HNSW index of %s cannot be made: %s", index.pk, error)
            return False
        return True


@across_tenants("indexes of all tenants are looked after together")
def ensure_all() -> int:
    """Look at all that are in use and large, or were; how many those are."""
    chunks = Document.objects.order_by().values("collection").annotate(chunks=Sum("chunk_count"))
    large = chunks.filter(chunks__gte=hnsw.FROM).values("collection")
    in_use = EmbeddingIndex.objects.filter(state=State.LIVE)
    rows = list(in_use.filter(collection__in=large) | in_use.filter(searched_by=hnsw.BY_GRAPH))
    for index in rows:
        ensured(index)
    return len(rows)


@across_tenants("indexes of all tenants are looked after together")
def drop_orphans() -> int:
    """Drop those whose vectors are gone with their collection or tenant; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_MADE)
        made = {name for (name,) in cursor.fetchall()}
        rows = EmbeddingIndex.objects.exclude(state=State.RETIRED)
        orphans = made - {hnsw_name(key) for key in rows.values_list("pk", flat=True)}
        for name in sorted(orphans):
            cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
    return len(orphans)
