"""A document's chunks made searchable by words: lexemes, BM25's weights, and in how many chunks a lexeme stands.

All of it is set-based SQL within the transaction of whoever changes the document. Deletes of chunks are counted by a
trigger (migration 0002), whoever deletes them. Writers of one collection take turns, so counts are exact and no two
wait for each other in a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import connection, transaction

if TYPE_CHECKING:
    from rag.models import Document

K1: Final = 1.2
B: Final = 0.75
"""BM25's usual figures: how soon repetition stops counting, and how far long chunks are held back."""

WORDS_PER_TOKEN: Final = 0.45
"""Lexemes of a chunk for each token it may have. The mean length that BM25 wants is a fixed figure of the collection,
for weights are stored: with the mean as it is, each document would change those of all others."""

MARK: Final = "@"
"""Begins lexemes that no text has: ``@`` and the collection's id, by which the index finds a collection's chunks (and
which count them), and ``@english``, which tell its languages."""

_LOCK: Final = "SELECT rag_lock_lexemes(%s)"
_INDEX: Final = """
WITH plain AS (
    SELECT c.id, to_tsvector(%(language)s::regconfig, concat_ws(
        ' ', CASE WHEN strpos(lower(c.heading || ' ' || c.text), lower(%(title)s)) = 0 THEN %(title)s END,
        c.heading, c.text
    )) AS lexemes
    FROM rag_chunk AS c
    WHERE c.tenant_id = %(tenant)s AND c.document_id = %(document)s AND c.lexemes IS NULL
), terms AS MATERIALIZED (
    SELECT plain.id, word.lexeme, cardinality(word.positions) AS times
    FROM plain, unnest(plain.lexemes) AS word
), lengths AS (
    SELECT terms.id, sum(terms.times) AS words FROM terms GROUP BY terms.id
), parts AS (
    SELECT terms.id, 1 + abs(hashtextextended(terms.lexeme, 0) %% 1000000000) AS place,
        sum(terms.times * (%(k1)s + 1)
            / (terms.times + %(k1)s * (1 - %(b)s + %(b)s * lengths.words / %(mean)s))) AS part
    FROM terms JOIN lengths ON lengths.id = terms.id GROUP BY 1, 2
), sparse AS (
    SELECT parts.id, '{' || string_agg(parts.place || ':' || round(parts.part::numeric, 4), ',') || '}' AS weights
    FROM parts GROUP BY parts.id
), filled AS (
    UPDATE rag_chunk AS c SET
        lexemes = plain.lexemes || array_to_tsvector(%(marks)s::text[]),
        weights = (coalesce(sparse.weights, '{}') || '/1000000000')::sparsevec,
        words = coalesce(lengths.words, 0)
    FROM plain LEFT JOIN sparse ON sparse.id = plain.id LEFT JOIN lengths ON lengths.id = plain.id
    WHERE c.tenant_id = %(tenant)s AND c.id = plain.id
    RETURNING c.id
), counted AS (
    INSERT INTO rag_lexeme (tenant_id, collection_id, lexeme, chunks)
    SELECT %(tenant)s, %(collection)s, found.lexeme, found.chunks FROM (
        SELECT terms.lexeme, count(*) AS chunks FROM terms GROUP BY terms.lexeme
        UNION ALL
        SELECT mark, (SELECT count(*) FROM plain) FROM unnest(%(marks)s::text[]) AS mark
        WHERE EXISTS (SELECT FROM plain)
    ) AS found ORDER BY found.lexeme
    ON CONFLICT (collection_id, lexeme) DO UPDATE SET chunks = rag_lexeme.chunks + excluded.chunks
)
SELECT count(*) FROM filled
"""
_TOUCH: Final = "UPDATE rag_collection SET documents_at = clock_timestamp() WHERE tenant_id = %s AND id = %s"


def index_chunks(document: Document) -> int:
    """Fill what words are searched by in those chunks of the document that have none; how many they were.

    Within the transaction that made the chunks, and after ``Document.language`` and ``title`` are set.
    """
    values: dict[str, Any] = {
        "tenant": document.tenant_id,
        "collection": document.collection_id,
        "document": document.pk,
        "title": document.title,
        "language": document.language or "simple",
        "marks": marks_of(document.collection_id, document.language or "simple"),
        "k1": K1,
        "b": B,
        "mean": max(1.0, document.collection.chunk_tokens * WORDS_PER_TOKEN),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, [document.collection_id])
        cursor.execute(_INDEX, values)
        done = int(cursor.fetchone()[0])
        cursor.execute(_TOUCH, [document.tenant_id, document.collection_id])
    return done


def forget_chunks(document: Document) -> int:
    """Delete the document's chunks with their vectors; how many chunks there were."""
    of_document = [document.tenant_id, document.pk]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, [document.collection_id])
        cursor.execute("DELETE FROM rag_chunkvector WHERE tenant_id = %s AND document_id = %s", of_document)
        cursor.execute("DELETE FROM rag_chunk WHERE tenant_id = %s AND document_id = %s", of_document)
        return int(cursor.rowcount)


def documents_changed(*, tenant_id: UUID, collection_id: UUID) -> None:
    """Something about documents is another that no chunk tells: kept answers of before must go."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, [tenant_id, collection_id])


def marks_of(collection_id: Any, language: str) -> list[str]:
    """Lexemes that each chunk has of its collection and its language."""
    return sorted((f"{MARK}{collection_id}", f"{MARK}{language}"))
