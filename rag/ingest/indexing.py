"""One document, from what came in to what is searched: fetched, read, cut, embedded, and put in place.

Everything slow happens outside of a transaction and changes nothing. The end is one transaction, which looks whether
another version came meanwhile: however often a worker dies or two work at once, the outcome is the same.
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import timedelta
from typing import Any, Final

import msgspec
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from contracts.events import DocumentFailed, DocumentIndexed
from contracts.tenant_scope import across_tenants
from rag.embedding import EmbeddingUnavailable, vectors_of
from rag.engine.cutting import Cut, Cutter, embedded_text
from rag.engine.languages import configuration_of
from rag.engine.reading import Kind, Mark, ReadDocument, Unreadable, read
from rag.ingest.chunk_settings import settings_hash
from rag.ingest.counting import Outcome, begun, counted, noted, tell
from rag.ingest.documents import NewDocument, digest_of, removed
from rag.ingest.fetching import BadAddress, Fetched, Fetcher
from rag.ingest.locks import only_worker, writing
from rag.ingest.swapping import known_vectors, swap_chunks
from rag.models import Collection, Document, EmbeddingIndex

log = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
AT_ONCE: Final = 512
"""Texts that are embedded in one go."""
State = Document.State


class _Prepared(msgspec.Struct, kw_only=True):
    """A document's new version, before anything of it is stored."""

    read: ReadDocument
    media_type: str
    title: str
    language: str
    cuts: list[Cut]
    hashes: list[str]
    vectors: dict[uuid.UUID, dict[str, Any]]
    without_vectors: dict[uuid.UUID, str]
    """Indexes whose model did not answer, and why."""
    versions: dict[uuid.UUID, tuple[str, int]]
    settings_hash: str


def index_document(document_id: uuid.UUID | str, *, fetcher: Fetcher | None = None) -> str:
    """Do all that is to be done for the document; what came of it, such as ``indexed``, ``failed`` or ``busy``."""
    with only_worker(f"document:{document_id}") as alone:
        if not alone:
            return "busy"
        began = time.monotonic()
        row = _claimed(uuid.UUID(str(document_id)))
        if row is None:
            return "nothing"
        try:
            return _worked(row, fetcher or Fetcher(), began)
        except BadAddress as problem:
            return _gone_or_failed(row, problem)
        except Unreadable as problem:
            return _failed(row, problem.code, problem.message)


def _worked(row: Document, fetcher: Fetcher, began: float) -> str:
    if row.attempts > MAX_ATTEMPTS:
        return _failed(row, "gave_up", row.error or "Workers ended while they read it.", keep=True)
    if row.to_fetch:
        found = _fetched(row, fetcher)
        if found is None:
            return Outcome.UNCHANGED
        row = found
    return _stored(row, _prepared(row), began)


@across_tenants("a task knows its document by the id alone")
def _claimed(document_id: uuid.UUID) -> Document | None:
    """The document, to be read by this worker; None where there is nothing to do."""
    rows = Document.objects.filter(pk=document_id, state__in=(State.WAITING, State.READING))
    # Written down before anything else: a document that ends workers is to be given up some day.
    if not rows.update(state=State.READING, attempts=F("attempts") + 1, updated_at=timezone.now()):
        return None
    row: Document | None = rows.select_related("collection").first()
    if row is not None:
        begun(row.tenant_id, row.ingest_id)
    return row


def _fetched(row: Document, fetcher: Fetcher) -> Document | None:
    """The document with what stands at its address; None where that is what it has already."""
    known = row.content_hash and row.indexed_at is not None
    found = fetcher.fetch(row.uri, etag=row.etag if known else "", last_modified=row.last_modified if known else "")
    same = found.content is None
    if found.content is not None:
        row.pending, row.media_type = found.content, found.media_type or "text/html"
        row.pending_hash = digest_of(NewDocument(external_id=row.external_id, content=found.content))
        same = row.pending_hash == row.content_hash
    current = settings_hash(row.collection, title=row.title, language=row.language) == row.settings_hash
    if same and current:
        _as_it_was(row, found)
        return None
    if found.content is None:
        # Nothing new at the address, but it is cut otherwise by now: from the text that is known.
        row.pending, row.pending_hash = None, ""
        return row
    row.etag, row.last_modified, row.bytes = found.etag, found.last_modified, len(found.content)
    return row


@transaction.atomic
def _as_it_was(row: Document, found: Fetched) -> None:
    writing(row.collection_id)
    mine = _still(row)
    if mine is None:
        return
    mine.to_fetch, mine.state, mine.error, mine.attempts = False, State.READY, "", 0
    mine.etag, mine.last_modified = found.etag or mine.etag, found.last_modified or mine.last_modified
    mine.updated_at = timezone.now()
    mine.save()
    counted(mine.tenant_id, mine.ingest_id, Outcome.UNCHANGED, chunks=mine.chunk_count)


def _prepared(row: Document) -> _Prepared:
    """Read, cut and embedded; changes nothing.

    Raises:
        Unreadable: it cannot be taken.
    """
    media_type = row.media_type
    if row.pending is not None:
        content = bytes(row.pending)
        kind, found = read(content, row.media_type, name=row.external_id)
        media_type = kind.value
        # The hash tells whether its owner gave it a title.
        untitled = digest_of(NewDocument(external_id="", content=content, media_type=row.media_type))
        title = (found.title or row.title) if row.to_fetch or row.pending_hash == untitled else row.title
    else:
        found = ReadDocument(row.text, tuple(msgspec.convert(row.marks, list[Mark])), row.title)
        title = row.title
    if not found.text:
        raise Unreadable("no_text", "There is nothing to read.")
    collection = row.collection
    language = collection.language if collection.language != "auto" else configuration_of(found.text)
    cuts = cutter_of(collection).cut(found.text, found.marks, markdown=media_type == Kind.MARKDOWN)
    hashes = [cut.text_hash for cut in cuts]
    vectors, missing, versions = _vectors(row, cuts, hashes)
    return _Prepared(
        read=found,
        media_type=media_type,
        title=title,
        language=language,
        cuts=cuts,
        hashes=hashes,
        vectors=vectors,
        without_vectors=missing,
        versions=versions,
        settings_hash=settings_hash(collection, title=title, language=language),
    )


def cutter_of(collection: Collection) -> Cutter:
    """By the collection's sizes, in tokens of the static model."""
    from embeddings.static import shared_embedder

    return Cutter(shared_embedder().tokenizer, tokens=collection.chunk_tokens, overlap=collection.chunk_overlap)


def _vectors(
    row: Document, cuts: list[Cut], hashes: list[str]
) -> tuple[dict[uuid.UUID, dict[str, Any]], dict[uuid.UUID, str], dict[uuid.UUID, tuple[str, int]]]:
    """By index: vectors, old and new ones; why there are none; by which model they are."""
    found: dict[uuid.UUID, dict[str, Any]] = known_vectors(row, set(hashes))
    missing: dict[uuid.UUID, str] = {}
    versions: dict[uuid.UUID, tuple[str, int]] = {}
    indexes = EmbeddingIndex.objects.for_tenant(row.tenant_id).filter(collection=row.collection_id)
    for index in indexes.exclude(state=EmbeddingIndex.State.RETIRED):
        known = found.setdefault(index.pk, {})
        new = {text_hash: cut for text_hash, cut in zip(hashes, cuts, strict=True) if text_hash not in known}
        wanted = list(new.items())
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            try:
                vectors, version = vectors_of(index, [embedded_text(cut.heading, cut.text) for _, cut in part])
            except EmbeddingUnavailable as problem:
                log.warning("document %s has no vectors by %s: %s", row.pk, index.model, problem)
                missing[index.pk] = str(problem)[:400]
                break
            versions[index.pk] = (version, int(vectors.shape[1]))
            known.update((text_hash, vector) for (text_hash, _), vector in zip(part, vectors, strict=True))
    return found, missing, versions


def _still(row: Document) -> Document | None:
    """The row, locked, where it is still this version that is to be read."""
    rows = Document.objects.for_tenant(row.tenant_id).select_for_update(of=("self",)).select_related("collection")
    mine: Document | None = rows.filter(pk=row.pk, state=State.READING, ingest_id=row.ingest_id).first()
    if mine is None or (mine.to_fetch, mine.uri) != (row.to_fetch, row.uri):
        return None
    return mine if row.to_fetch or mine.pending_hash == row.pending_hash else None


@transaction.atomic
def _stored(row: Document, new: _Prepared, began: float) -> str:
    writing(row.collection_id)
    mine = _still(row)
    if mine is None:
        return Outcome.SUPERSEDED
    anew = mine.settings_hash != new.settings_hash
    if row.pending is not None:
        mine.content_hash = row.pending_hash
        mine.etag, mine.last_modified, mine.bytes = row.etag, row.last_modified, row.bytes
    now = timezone.now()
    mine.text, mine.marks = new.read.text, msgspec.to_builtins(new.read.marks)
    mine.title, mine.language, mine.media_type = new.title[:400], new.language, new.media_type
    mine.settings_hash = new.settings_hash
    mine.characters, mine.chunk_count = len(new.read.text), len(new.cuts)
    mine.pending, mine.pending_hash, mine.to_fetch = None, "", False
    mine.state, mine.error, mine.attempts = State.READY, "", 0
    mine.indexed_at = mine.updated_at = now
    mine.save()
    kept = swap_chunks(mine, new.cuts, new.hashes, new.vectors, anew=anew)
    _note_models(mine, new)
    counted(mine.tenant_id, mine.ingest_id, Outcome.INDEXED, chunks=len(new.cuts))
    event = DocumentIndexed(
        collection=mine.collection.name,
        document_id=str(mine.pk),
        external_id=mine.external_id,
        ingest_id=str(mine.ingest_id or ""),
        chunks=len(new.cuts),
        reused=kept,
        characters=mine.characters,
        duration_ms=(time.monotonic() - began) * 1_000,
    )
    tell(event, mine.tenant_id)
    return Outcome.INDEXED


def _note_models(row: Document, new: _Prepared) -> None:
    """Which models the vectors are by; where some are missing, a worker goes on to make them."""
    from rag.ingest.reembedding import have_filled

    indexes = EmbeddingIndex.objects.for_tenant(row.tenant_id).filter(collection=row.collection_id)
    for index_id, (version, dimensions) in new.versions.items():
        indexes.filter(pk=index_id, dimensions=None).update(model_version=version[:128], dimensions=dimensions)
    for index in indexes.exclude(state=EmbeddingIndex.State.RETIRED):
        lacking = set(new.hashes) - set(new.vectors.get(index.pk, ()))
        if lacking:
            indexes.filter(pk=index.pk).update(error=new.without_vectors.get(index.pk, ""))
            if index.pk not in new.without_vectors:
                have_filled(index.pk)


def _gone_or_failed(row: Document, problem: BadAddress) -> str:
    ingest = row.ingest
    if problem.code == "gone" and ingest is not None and ingest.delete_missing:
        with transaction.atomic():
            writing(row.collection_id)
            mine = _still(row)
            if mine is None:
                return Outcome.SUPERSEDED
            removed(mine, mine.collection)
        return "deleted"
    if problem.again and row.attempts < MAX_ATTEMPTS:
        return _put_off(row, problem.message)
    return _failed(row, problem.code, problem.message, keep=True)


def _put_off(row: Document, message: str) -> str:
    """Leave it to whoever looks after documents that wait."""
    mine = Document.objects.for_tenant(row.tenant_id).filter(pk=row.pk, state=State.READING, ingest=row.ingest_id)
    mine.update(state=State.WAITING, error=message[:400], updated_at=timezone.now())
    return "put off"


@transaction.atomic
def _failed(row: Document, code: str, message: str, *, keep: bool = False) -> str:
    """What was searchable of it stays so; ``keep`` keeps what came in, for another attempt."""
    writing(row.collection_id)
    mine = _still(row)
    if mine is None:
        return Outcome.SUPERSEDED
    mine.state, mine.error, mine.updated_at = State.FAILED, message[:400], timezone.now()
    if not keep:
        mine.pending = None
    mine.save()
    noted(mine.tenant_id, mine.ingest_id, mine.external_id, code, message)
    counted(mine.tenant_id, mine.ingest_id, Outcome.FAILED)
    event = DocumentFailed(
        collection=mine.collection.name,
        document_id=str(mine.pk),
        external_id=mine.external_id,
        ingest_id=str(mine.ingest_id or ""),
        code=code,
        message=message[:400],
    )
    tell(event, mine.tenant_id)
    return Outcome.FAILED


@across_tenants("documents of all tenants are looked after together")
def waiting_too_long(seconds: float) -> list[uuid.UUID]:
    """Documents that nobody seems to read."""
    before = timezone.now() - timedelta(seconds=seconds)
    rows = Document.objects.filter(state__in=(State.WAITING, State.READING), updated_at__lt=before)
    return list(rows.order_by("updated_at").values_list("pk", flat=True)[:1_000])


_ABANDONED: Final = """
    SELECT one.id FROM rag_document one WHERE one.state = 'reading' AND NOT EXISTS (
        SELECT 1 FROM pg_locks held
        WHERE held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted
          AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (held.classid::bigint << 32) | held.objid::bigint = hashtextextended('rag:document:' || one.id, 0)
    ) ORDER BY one.updated_at LIMIT 1000
"""


@across_tenants("documents of all tenants are looked after together")
def abandoned() -> list[uuid.UUID]:
    """Documents whose worker died while it read them: being read, and nobody has the lock that a reader holds."""
    with connection.cursor() as cursor:
        cursor.execute(_ABANDONED)
        return [one for (one,) in cursor.fetchall()]
