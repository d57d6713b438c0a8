"""An HNSW index of their own for vectors that are many: made, found broken, and dropped, while searches go on.

A partial index has one collection's vectors only, so what others have neither costs it anything nor stands in the way
of its recall. Few vectors are compared one by one, which is exact and costs no index.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from django.db import connection
from psycopg import sql

from rag.models import ChunkVector, EmbeddingIndex
from rag.search.rows import hnsw_name

log = logging.getLogger(__name__)

FROM: Final = 10_000
"""Vectors from which an index is made; it goes when they are fewer than half of it."""
M: Final = 16
EF_CONSTRUCTION: Final = 240
"""Nodes in view while a vector is put in its place: recall against the time of every vector that comes."""
EXACT, BY_GRAPH = "exact", "hnsw"

_STATE: Final = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


def ensure_index(index: EmbeddingIndex) -> bool:
    """Give the vectors the index that their number wants, and say so in ``searched_by``; whether anything was done.

    Outside of a transaction: the index is made while documents come in. One that is invalid, as a server that stopped
    in the middle leaves it, is made anew.

    Raises:
        DatabaseError: it cannot be made; searches go on without it.
    """
    name = hnsw_name(index.pk)
    with connection.cursor() as cursor:
        # Two workers would make it twice, and wait for each other.
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            return False
        try:
            return _ensure(cursor, index, name)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def drop_index(index: EmbeddingIndex) -> None:
    """Remove the HNSW index of vectors that are no longer in use. Outside of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(hnsw_name(index.pk))))


def _ensure(cursor: Any, index: EmbeddingIndex, name: str) -> bool:
    vectors = ChunkVector.objects.for_tenant(index.tenant_id).filter(index=index)
    least = FROM if index.searched_by == EXACT else FROM // 2
    many = bool(index.dimensions) and vectors[least - 1 : least].exists()
    cursor.execute(_STATE, [name])
    row = cursor.fetchone()
    valid = bool(row and row[0])
    if many and valid and index.searched_by == BY_GRAPH:
        return False
    if not many and row is None and index.searched_by == EXACT:
        return False
    if not many:
        _searched_by(index, EXACT)
        drop_index(index)
        return True
    if row is not None and not valid:
        _searched_by(index, EXACT)
        drop_index(index)
    if not valid:
        _make(cursor, index, name)
    _searched_by(index, BY_GRAPH)
    return True


def _make(cursor: Any, index: EmbeddingIndex, name: str) -> None:
    statement = sql.SQL(
        "CREATE INDEX CONCURRENTLY {name} ON rag_chunkvector USING hnsw"
        " ((vector::halfvec({dimensions})) halfvec_ip_ops) WITH (m = {m}, ef_construction = {ef}) WHERE index_id = {id}"
    ).format(
        name=sql.Identifier(name),
        dimensions=sql.Literal(int(index.dimensions or 0)),
        m=sql.Literal(M),
        ef=sql.Literal(EF_CONSTRUCTION),
        id=sql.Literal(index.pk),
    )
    log.info("Making an HNSW index of %s", index.pk)
    cursor.execute("SET statement_timeout = 0")
    # The graph is made many times faster where it fits into memory: 256 MB hold some 300,000 vectors of 384.
    cursor.execute("SET maintenance_work_mem = '256MB'")
    try:
        cursor.execute(statement)
    finally:
        cursor.execute("RESET maintenance_work_mem")
        cursor.execute("RESET statement_timeout")


def _searched_by(index: EmbeddingIndex, how: str) -> None:
    index.searched_by = how
    EmbeddingIndex.objects.for_tenant(index.tenant_id).filter(pk=index.pk).update(searched_by=how)
