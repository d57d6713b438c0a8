"""What changes collections and what is in them: each function is one transaction with one audit entry."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from rag.collection_rows import LOCAL_MODELS
from rag.ingest.documents import (
    NewDocument,
    delete_document,
    delete_documents,
    have_read,
    put_document,
    reindex_documents,
    searched_anew,
    update_document,
)
from rag.ingest.locks import writing
from rag.ingest.reembedding import indexes_of, reembed
from rag.ingest.starting import new_ingest, start_ingest, start_url_ingest
from rag.ingest.stopping import stop_ingest
from rag.models import Chunk, ChunkVector, Collection, Document, EmbeddingIndex, Lexeme
from tenants.callable_names import callable_names
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant

__all__ = [
    "NewDocument",
    "create_collection",
    "delete_collection",
    "delete_document",
    "delete_documents",
    "put_document",
    "reembed",
    "reindex_documents",
    "start_ingest",
    "start_url_ingest",
    "stop_ingest",
    "update_collection",
    "update_document",
]

CUTS: Final = frozenset({"chunk_tokens", "chunk_overlap", "language"})
"""Settings that decide how documents are cut."""
ROUTES: Final = ("rerank_route", "rewrite_route", "judge_route")


@transaction.atomic
def create_collection(*, tenant: Tenant, **fields: Any) -> Collection:
    """A collection without documents, that can be searched at once.

    Raises:
        ValidationError: a field is not valid, or the tenant has a collection of this name.
    """
    row = with_fields(Collection(tenant=tenant), _plain(fields))
    _check_routes(row, fields)
    save_row(row)
    dimensions, _ = LOCAL_MODELS.get(row.embedding_model, (None, ""))
    EmbeddingIndex.objects.create(
        tenant=tenant,
        collection=row,
        model=row.embedding_model,
        model_version=_version_of(row),
        dimensions=dimensions,
        state=EmbeddingIndex.State.LIVE,
        live_at=timezone.now(),
    )
    return row


@transaction.atomic
def update_collection(*, collection: Collection, **fields: Any) -> Collection:
    """Change its settings.

    Other sizes or another language have its documents cut anew, one after the other; another model has vectors made
    beside those in use, and is the collection's once they are all there. Other access tags hold at once for documents
    that brought none.

    Raises:
        ValidationError: a field is not valid.
    """
    writing(collection.pk)
    before: Collection = Collection.objects.for_tenant(collection.tenant_id).select_for_update().get(pk=collection.pk)
    row = with_fields(collection, _plain(fields))
    _check_routes(row, fields)
    model = row.embedding_model
    row.clean()
    # It stays what it is until the vectors by the other model are there.
    row.embedding_model = before.embedding_model
    save_row(row)
    if model != before.embedding_model and not _is_being_made(row, model):
        reembed(collection=row, model=model)
    if sorted(row.access_tags) != sorted(before.access_tags):
        _open_to(row)
    if any(getattr(row, name) != getattr(before, name) for name in CUTS):
        _cut_anew(row)
    return row


@transaction.atomic
def delete_collection(*, collection: Collection) -> None:
    """Delete the collection with all that is in it."""
    from rag.tasks import drop_search_indexes

    writing(collection.pk)
    owner = collection.tenant_id
    # Straight away instead of row by row: there may be hundreds of thousands.
    vectors = ChunkVector.objects.for_tenant(owner).filter(index__in=indexes_of(collection).values("pk"))
    vectors._raw_delete(vectors.db)
    for model in (Chunk, Lexeme):
        rows = model.objects.for_tenant(owner).filter(collection=collection)
        rows._raw_delete(rows.db)
    delete_row(collection)
    transaction.on_commit(drop_search_indexes.delay, robust=True)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    if "access_tags" in fields:
        fields = {**fields, "access_tags": sorted(set(fields["access_tags"] or ()))}
    return fields


def _check_routes(row: Collection, changed: dict[str, Any]) -> None:
    """Routes that are named now exist now; one that goes later is told where it is missed.

    Raises:
        ValidationError: there is no such route, by the name of the field.
    """
    wanted = {name: getattr(row, name) for name in ROUTES if changed.get(name)}
    if row.embedding_route and "embedding_model" in changed:
        wanted["embedding_model"] = row.embedding_route
    if not wanted:
        return
    known = callable_names(row.tenant_id)
    names = {*known.routes, *known.models}
    missing = {name: f"There is no route or model {route!r}." for name, route in wanted.items() if route not in names}
    if missing:
        raise ValidationError(missing)


def _version_of(row: Collection) -> str:
    """Of a local model whose package is there; else it is known with the first vector."""
    from embeddings.base import EmbeddingModelMissing
    from rag.embedding import embedder_of

    if row.embedding_route:
        return ""
    try:
        return embedder_of(row).version
    except EmbeddingModelMissing:
        return ""


def _is_being_made(row: Collection, model: str) -> bool:
    return indexes_of(row).filter(state=EmbeddingIndex.State.BUILDING, model=model).exists()


def _open_to(row: Collection) -> None:
    """The collection's tags for those of its documents that brought none."""
    theirs = Document.objects.for_tenant(row.tenant_id).filter(collection=row, own_tags=False)
    theirs.update(access_tags=row.access_tags)
    for model in (Chunk, ChunkVector):
        parts = model.objects.for_tenant(row.tenant_id).filter(document__in=theirs.values("pk"))
        parts.update(access_tags=row.access_tags)
    searched_anew(row)


def _cut_anew(row: Collection) -> None:
    """Every document that was read; until its turn comes it is found as it was."""
    theirs = Document.objects.for_tenant(row.tenant_id).filter(collection=row, state=Document.State.READY)
    keys = list(theirs.values_list("pk", flat=True))
    if not keys:
        return
    ingest = new_ingest(row, source="settings", total=len(keys))
    theirs.update(state=Document.State.WAITING, error="", attempts=0, ingest=ingest)
    for key in keys:
        have_read(key)
