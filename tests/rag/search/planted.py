"""Documents as they lie in the database once they are read: for tests of searching, without what reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from embeddings.static import shared_embedder
from rag.models import Chunk, ChunkVector, Collection, Document, EmbeddingIndex
from rag.search.indexing import index_chunks
from tenants.models import Tenant


def make_collection(tenant: Tenant, name: str = "handbook", **fields: Any) -> Collection:
    return Collection.objects.create(tenant=tenant, name=name, **fields)


def make_index(collection: Collection, **fields: Any) -> EmbeddingIndex:
    values = {"model": "static", "dimensions": 256, "state": EmbeddingIndex.State.LIVE} | fields
    return EmbeddingIndex.objects.create(tenant=collection.tenant, collection=collection, **values)


def plant(
    collection: Collection,
    *texts: str,
    external_id: str = "",
    title: str = "",
    language: str = "english",
    tags: Sequence[str] = (),
    metadata: dict[str, Any] | None = None,
    index: EmbeddingIndex | None = None,
) -> Document:
    """One document whose chunks are these texts; with vectors where an index is given."""
    whole = "\n".join(texts)
    document = Document.objects.create(
        tenant=collection.tenant,
        collection=collection,
        external_id=external_id or hashlib.sha256((title + whole).encode()).hexdigest()[:12],
        title=title,
        uri="https://docs.example/" + title.replace(" ", "-"),
        text=whole,
        language=language,
        access_tags=list(tags),
        metadata=metadata or {},
        state=Document.State.READY,
        chunk_count=len(texts),
    )
    at = 0
    chunks = []
    for position, text in enumerate(texts):
        chunks.append(
            Chunk(
                tenant=collection.tenant,
                collection=collection,
                document=document,
                position=position,
                start=at,
                end=at + len(text),
                text=text,
                text_hash=hashlib.sha256(text.encode()).hexdigest(),
                tokens=max(1, len(text) // 4),
                words=0,
                access_tags=list(tags),
                metadata=metadata or {},
            )
        )
        at += len(text) + 1
    Chunk.objects.bulk_create(chunks)
    index_chunks(document)
    if index is not None:
        ChunkVector.objects.bulk_create(
            ChunkVector(
                tenant=collection.tenant,
                index=index,
                chunk=chunk,
                document=document,
                access_tags=list(tags),
                metadata=metadata or {},
                vector=shared_embedder().embed(chunk.text).tolist(),
            )
            for chunk in chunks
        )
    return document
