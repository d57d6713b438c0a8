"""Vectors by another model, made beside those in use and put in their place when none is missing.

The same worker makes up for vectors that an index in use lacks, because its model did not answer when documents came.
"""

from __future__ import annotations

import logging
import time
import uuid
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from contracts.events import IndexReplaced
from contracts.tenant_scope import across_tenants
from rag.embedding import EmbeddingUnavailable, vectors_of
from rag.engine.cutting import embedded_text
from rag.ingest.counting import tell
from rag.ingest.locks import only_worker, writing
from rag.ingest.swapping import vector_row
from rag.models import Chunk, ChunkVector, Collection, EmbeddingIndex
from tenants.actor import acting_as
from tenants.changes import save_row, with_fields

log = logging.getLogger(__name__)

BATCH: Final = 256
State = EmbeddingIndex.State


@transaction.atomic
def reembed(*, collection: Collection, model: str) -> EmbeddingIndex:
    """Make vectors by this model; searches go on with those in use until all are there.

    What is being made already is dropped. The model may be the one in use: for one that has changed by itself.

    Raises:
        ValidationError: there is no such model.
    """
    probe = Collection(tenant_id=collection.tenant_id, name=collection.name, embedding_model=model)
    try:
        probe.clean()
    except ValidationError as problem:
        raise ValidationError({"model": problem.messages}) from problem
    writing(collection.pk)
    building = indexes_of(collection).filter(state=State.BUILDING)
    for row in building:
        _retire(row)
    made: EmbeddingIndex = EmbeddingIndex.objects.create(
        tenant_id=collection.tenant_id, collection=collection, model=model
    )
    have_filled(made.pk)
    return made


def indexes_of(collection: Collection) -> QuerySet[EmbeddingIndex]:
    """The collection's indexes."""
    rows: QuerySet[EmbeddingIndex] = EmbeddingIndex.objects.for_tenant(collection.tenant_id).filter(
        collection=collection
    )
    return rows


def progress_of(index: EmbeddingIndex) -> tuple[int, int]:
    """How many chunks have a vector, and how many there are."""
    chunks = Chunk.objects.for_tenant(index.tenant_id).filter(collection=index.collection_id).count()
    return ChunkVector.objects.for_tenant(index.tenant_id).filter(index=index).count(), chunks


def have_filled(index_id: uuid.UUID) -> None:
    """Tell a worker once the transaction is committed."""
    from rag.tasks import fill_index

    transaction.on_commit(lambda: fill_index.delay(str(index_id)), robust=True)


def work_on_index(index_id: uuid.UUID, *, for_s: float) -> bool:
    """Make missing vectors for so long at most; whether somebody has to go on with it at once."""
    with only_worker(f"index:{index_id}") as alone:
        if not alone:
            return False
        index = _index(index_id)
        if index is None:
            return False
        until = time.monotonic() + for_s
        try:
            while _fill(index):
                if time.monotonic() >= until:
                    return True
        except EmbeddingUnavailable as problem:
            log.warning("index %s of %s is not made: %s", index.pk, index.model, problem)
            _own(index).update(error=str(problem)[:400])
            return False
        return _completed(index)


@across_tenants("a task knows its index by the id alone")
def _index(index_id: uuid.UUID) -> EmbeddingIndex | None:
    rows = EmbeddingIndex.objects.exclude(state=State.RETIRED).select_related("collection")
    found: EmbeddingIndex | None = rows.filter(pk=index_id).first()
    return found


def _own(index: EmbeddingIndex) -> QuerySet[EmbeddingIndex]:
    rows: QuerySet[EmbeddingIndex] = EmbeddingIndex.objects.for_tenant(index.tenant_id).filter(pk=index.pk)
    return rows


def _lacking(index: EmbeddingIndex) -> QuerySet[Chunk]:
    theirs = ChunkVector.objects.for_tenant(index.tenant_id).filter(index=index, chunk=OuterRef("pk"))
    rows: QuerySet[Chunk] = Chunk.objects.for_tenant(index.tenant_id).filter(
        ~Exists(theirs), collection=index.collection_id
    )
    return rows.defer("lexemes", "weights").order_by("pk")


def _fill(index: EmbeddingIndex) -> bool:
    """One batch; whether there was anything to do.

    Raises:
        EmbeddingUnavailable: the model does not answer.
    """
    chunks = list(_lacking(index)[:BATCH])
    if not chunks:
        return False
    vectors, version = vectors_of(index, [embedded_text(chunk.heading, chunk.text) for chunk in chunks])
    made = {chunk.pk: vector for chunk, vector in zip(chunks, vectors, strict=True)}
    with transaction.atomic():
        writing(index.collection_id)
        if not _own(index).exclude(state=State.RETIRED).exists():
            return False
        # As they are now: some may be gone, or have other tags.
        rows = Chunk.objects.for_tenant(index.tenant_id).defer("text", "lexemes", "weights").filter(pk__in=list(made))
        new = [vector_row(chunk, index.pk, made[chunk.pk]) for chunk in rows]
        ChunkVector.objects.bulk_create(new, ignore_conflicts=True)
        index.model_version, index.dimensions, index.error = version[:128], int(vectors.shape[1]), ""
        index.save(update_fields=["model_version", "dimensions", "error"])
    return True


def _completed(index: EmbeddingIndex) -> bool:
    """Put it into use, where nothing is missing; whether there is more to do after all."""
    from rag.ingest.upkeep import ensured

    if index.state == State.BUILDING and not ensured(index):
        # Large ones are searched through an index of their own, which is there before they are in use.
        return False
    with acting_as("rag.fill_index"), transaction.atomic():
        writing(index.collection_id)
        mine = _own(index).select_for_update(of=("self",)).select_related("collection").first()
        if mine is None or mine.state == State.RETIRED:
            return False
        if _lacking(mine).exists():
            return True
        mine.error = ""
        if mine.state == State.BUILDING:
            _put_into_use(mine)
        else:
            mine.save(update_fields=["error"])
    return False


def _put_into_use(index: EmbeddingIndex) -> None:
    collection = index.collection
    before = indexes_of(collection).filter(state=State.LIVE).first()
    if before is not None:
        _retire(before)
    index.state, index.live_at = State.LIVE, timezone.now()
    index.save(update_fields=["state", "live_at", "error"])
    save_row(with_fields(collection, {"embedding_model": index.model}))
    event = IndexReplaced(
        collection=collection.name,
        index_id=str(index.pk),
        model=index.model,
        previous_model=before.model if before is not None else "",
        chunks=ChunkVector.objects.for_tenant(index.tenant_id).filter(index=index).count(),
    )
    tell(event, index.tenant_id)
    from rag.ingest.documents import searched_anew

    searched_anew(collection)


def _retire(index: EmbeddingIndex) -> None:
    from rag.tasks import drop_index

    index.state = State.RETIRED
    index.save(update_fields=["state"])
    transaction.on_commit(lambda: drop_index.delay(str(index.pk)), robust=True)


@across_tenants("a task knows its index by the id alone")
def drop_retired(index_id: uuid.UUID | None = None) -> int:
    """Delete retired indexes with their vectors, a part at a time; how many indexes went."""
    rows = EmbeddingIndex.objects.filter(state=State.RETIRED)
    if index_id is not None:
        rows = rows.filter(pk=index_id)
    from rag.ingest.upkeep import drop_orphans

    retired = list(rows)
    for index in retired:
        _drop(index)
    if retired:
        drop_orphans()
    return len(retired)


def _drop(index: EmbeddingIndex) -> None:
    theirs = ChunkVector.objects.for_tenant(index.tenant_id).filter(index=index)
    while part := list(theirs.values_list("pk", flat=True)[:10_000]):
        rows = ChunkVector.objects.for_tenant(index.tenant_id).filter(pk__in=part)
        rows._raw_delete(rows.db)
    _own(index).delete()


@across_tenants("indexes of all tenants are looked after together")
def unfinished() -> list[uuid.UUID]:
    """Indexes that are being made, or lack vectors because their model did not answer."""
    rows = EmbeddingIndex.objects.filter(state=State.BUILDING) | EmbeddingIndex.objects.filter(
        state=State.LIVE
    ).exclude(error="")
    return list(rows.values_list("pk", flat=True))
