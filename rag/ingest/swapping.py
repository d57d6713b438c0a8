"""The chunks of a document's new version put in the place of those before: all at once, in one transaction.

A chunk that says the same under the same headings keeps its row, and with it its id and vectors. Where title or
settings are others all rows are made anew, since words are searched otherwise; the vectors are copied.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rag.engine.cutting import Cut
from rag.models import Chunk, ChunkVector, Document, EmbeddingIndex

BATCH: Final = 1_000
_PLACES: Final = ("position", "start", "end", "page")
Known = Mapping[uuid.UUID, Mapping[str, Any]]
"""By index and hash of the text: vectors."""


def known_vectors(document: Document, hashes: set[str]) -> dict[uuid.UUID, dict[str, Any]]:
    """The vectors that chunks of the document have with these texts, by index."""
    found: dict[uuid.UUID, dict[str, Any]] = defaultdict(dict)
    rows = ChunkVector.objects.for_tenant(document.tenant_id).filter(document=document, chunk__text_hash__in=hashes)
    for index_id, text_hash, vector in rows.values_list("index_id", "chunk__text_hash", "vector").iterator():
        found[index_id][text_hash] = vector
    return found


def swap_chunks(document: Document, cuts: Sequence[Cut], hashes: Sequence[str], known: Known, *, anew: bool) -> int:
    """Make the cuts the document's chunks, with what vectors are known; how many rows stayed.

    ``anew``: none of the rows can stay. Within the only writer's transaction.
    """
    from rag.search.indexing import index_chunks

    stay: dict[str, list[Chunk]] = defaultdict(list)
    old = Chunk.objects.for_tenant(document.tenant_id).filter(document=document)
    gone: list[int] = []
    wanted = set() if anew else set(hashes)
    for row in old.defer("text", "lexemes", "weights").order_by("-position").iterator():
        if row.text_hash in wanted:
            stay[row.text_hash].append(row)
        else:
            gone.append(row.pk)
    new, moved, kept = [], [], 0
    for position, (cut, text_hash) in enumerate(zip(cuts, hashes, strict=True)):
        if stay[text_hash]:
            kept += 1
            moved += _moved(stay[text_hash].pop(), position, cut)
        else:
            new.append(_chunk(document, position, cut, text_hash))
    gone += [row.pk for rows in stay.values() for row in rows]
    _delete(document, gone)
    Chunk.objects.for_tenant(document.tenant_id).bulk_update(moved, _PLACES, batch_size=BATCH)
    Chunk.objects.bulk_create(new, batch_size=BATCH)
    _add_vectors(document, new, known)
    index_chunks(document)
    return kept


def _moved(row: Chunk, position: int, cut: Cut) -> list[Chunk]:
    """The row, where it stands elsewhere by now."""
    places = (position, cut.start, cut.end, cut.page)
    if (row.position, row.start, row.end, row.page) == places:
        return []
    row.position, row.start, row.end, row.page = places
    return [row]


def _chunk(document: Document, position: int, cut: Cut, text_hash: str) -> Chunk:
    return Chunk(
        tenant_id=document.tenant_id,
        collection_id=document.collection_id,
        document=document,
        position=position,
        start=cut.start,
        end=cut.end,
        heading=cut.heading,
        page=cut.page,
        text=cut.text,
        text_hash=text_hash,
        tokens=cut.tokens,
        words=0,
        access_tags=document.access_tags,
        metadata=document.metadata,
    )


def _delete(document: Document, chunks: list[int]) -> None:
    for start in range(0, len(chunks), BATCH):
        part = chunks[start : start + BATCH]
        ChunkVector.objects.for_tenant(document.tenant_id).filter(chunk__in=part).delete()
        rows = Chunk.objects.for_tenant(document.tenant_id).filter(pk__in=part)
        # Nothing else hangs on a chunk: no need to look for it.
        rows._raw_delete(rows.db)


def _add_vectors(document: Document, chunks: list[Chunk], known: Known) -> None:
    indexes = EmbeddingIndex.objects.for_tenant(document.tenant_id).filter(collection=document.collection_id)
    # An index may have gone, or become another, while the vectors were made.
    for index_id in indexes.filter(pk__in=list(known)).values_list("pk", flat=True):
        vectors = known[index_id]
        ChunkVector.objects.bulk_create(
            (vector_row(chunk, index_id, vectors[chunk.text_hash]) for chunk in chunks if chunk.text_hash in vectors),
            batch_size=BATCH,
        )


def vector_row(chunk: Chunk, index_id: uuid.UUID, vector: Any) -> ChunkVector:
    """The vector's row, unsaved, with what searches narrow it down by."""
    return ChunkVector(
        tenant_id=chunk.tenant_id,
        index_id=index_id,
        chunk_id=chunk.pk,
        document_id=chunk.document_id,
        access_tags=chunk.access_tags,
        metadata=chunk.metadata,
        vector=vector,
    )
