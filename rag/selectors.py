"""What pages read of collections and documents. Texts and what waits to be read are left in the database."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Count, Max, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from rag.models import Chunk, ChunkVector, Collection, Document, EmbeddingIndex, Ingest

HEAVY = ("text", "pending")
"""Columns of a document that no list shows: megabytes each."""


def with_figures(rows: QuerySet[Collection]) -> QuerySet[Any]:
    """Collections with how many documents and chunks they have, how their vectors are, and when documents came last."""
    documents = Document.objects.filter(collection=OuterRef("pk"), tenant=OuterRef("tenant")).order_by()
    counted = documents.values("collection").annotate(n=Count("pk"), chunks=Sum("chunk_count"))
    failed = documents.filter(state=Document.State.FAILED).values("collection").annotate(n=Count("pk"))
    ingests = Ingest.objects.filter(collection=OuterRef("pk"), tenant=OuterRef("tenant")).order_by()
    indexes = EmbeddingIndex.objects.filter(collection=OuterRef("pk"), tenant=OuterRef("tenant"))
    live = indexes.filter(state=EmbeddingIndex.State.LIVE)
    return rows.annotate(
        document_count=Coalesce(Subquery(counted.values("n")), 0),
        chunk_count=Coalesce(Subquery(counted.values("chunks")), 0),
        failed_count=Coalesce(Subquery(failed.values("n")), 0),
        last_ingest_at=Subquery(ingests.values("collection").annotate(at=Max("created_at")).values("at")),
        live_model=Subquery(live.values("model")[:1]),
        index_error=Coalesce(Subquery(live.values("error")[:1]), Value("")),
        building_model=Subquery(indexes.filter(state=EmbeddingIndex.State.BUILDING).values("model")[:1]),
    )


def documents_of(collection: Collection) -> QuerySet[Document]:
    """Without their texts."""
    return Document.objects.for_tenant(collection.tenant_id).filter(collection=collection).defer(*HEAVY)


def ingests_of(collection: Collection) -> QuerySet[Ingest]:
    """The newest first."""
    return Ingest.objects.for_tenant(collection.tenant_id).filter(collection=collection)


def chunks_of(document: Document) -> QuerySet[Chunk]:
    """In the order of the text, without what they are searched by."""
    rows = Chunk.objects.for_tenant(document.tenant_id).filter(document=document)
    shown = rows.only("id", "tenant", "document", "position", "start", "end", "heading", "page", "tokens")
    return shown.order_by("position")


def indexes_of(collection: Collection) -> QuerySet[Any]:
    """With how many vectors each has."""
    vectors = ChunkVector.objects.filter(index=OuterRef("pk"), tenant=OuterRef("tenant")).order_by()
    rows = EmbeddingIndex.objects.for_tenant(collection.tenant_id).filter(collection=collection)
    counted = vectors.values("index").annotate(n=Count("pk"))
    found: QuerySet[Any] = rows.annotate(vector_count=Coalesce(Subquery(counted.values("n")), 0))
    return found


def tags_of(tenant_id: uuid.UUID, collection: Collection | None = None) -> list[str]:
    """Access tags that documents have, in order; at most some hundred."""
    rows = Document.objects.for_tenant(tenant_id)
    if collection is not None:
        rows = rows.filter(collection=collection)
    found: Any = rows.exclude(access_tags=[]).order_by().values_list("access_tags", flat=True).distinct()[:1_000]
    return sorted({tag for tags in found for tag in tags})[:200]


def named_documents(collection: Collection, names: list[str]) -> dict[str, uuid.UUID]:
    """The ids of the collection's documents that have one of these as id, own name or title; by what was written."""
    rows = documents_of(collection)
    found: dict[str, uuid.UUID] = {}
    for row in rows.filter(title__in=names).only("id", "title"):
        found.setdefault(row.title, row.pk)
    for row in rows.filter(external_id__in=names).only("id", "external_id"):
        found[row.external_id] = row.pk
    ids = {one: as_uuid for one in names if (as_uuid := _uuid(one)) is not None}
    known = set(rows.filter(pk__in=ids.values()).values_list("pk", flat=True))
    return found | {name: pk for name, pk in ids.items() if pk in known}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
