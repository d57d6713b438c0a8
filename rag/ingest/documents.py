"""Documents put, changed and deleted. What came in is kept until a worker has read it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from contracts.events import DocumentDeleted
from rag.collection_rows import TAG
from rag.engine.reading.result import MAX_BYTES
from rag.ingest.chunk_settings import settings_hash
from rag.ingest.counting import Outcome, counted, tell
from rag.ingest.locks import writing
from rag.models import Chunk, ChunkVector, Collection, Document, Ingest
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note

MAX_METADATA: Final = 32
MAX_TAGS: Final = 32
MAX_VALUE: Final = 500
State = Document.State


class NewDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as its owner sends it."""

    external_id: str
    content: bytes
    media_type: str = "text/plain"
    title: str = ""
    """Empty: as the document says itself."""
    uri: str = ""
    metadata: Mapping[str, Any] = {}
    access_tags: Sequence[str] | None = None
    """None: those of the collection."""


@transaction.atomic
def put_document(
    *,
    collection: Collection,
    external_id: str,
    content: bytes,
    media_type: str,
    title: str = "",
    uri: str = "",
    metadata: Mapping[str, Any] | None = None,
    access_tags: Sequence[str] | None = None,
    ingest: Ingest | None = None,
) -> Document:
    """Take a document, new or another version of one; a worker reads it. What is as it was is not read again.

    Tags and metadata hold at once, also for the version that is searchable now.

    Raises:
        ValidationError: something is not valid, by the names of the fields.
    """
    new = NewDocument(
        external_id=external_id,
        content=content,
        media_type=media_type,
        title=title,
        uri=uri,
        metadata=metadata or {},
        access_tags=access_tags,
    )
    check_document(new)
    writing(collection.pk)
    row = taken(collection, new, ingest)
    if ingest is None:
        noted_change(collection, AuditEntry.Action.UPDATED, {"document": row.external_id, "bytes": len(content)})
    return row


def check_document(new: NewDocument) -> None:
    """Nothing, where it can be taken.

    Raises:
        ValidationError: by the names of the fields.
    """
    if not new.external_id.strip() or len(new.external_id) > 512 or not new.external_id.isprintable():
        raise ValidationError({"external_id": "A document has an id of its own, of at most 512 characters."})
    if len(new.content) > MAX_BYTES:
        raise ValidationError({"content": f"A file has at most {MAX_BYTES // 1_000_000} MB."}, code="too_large")
    if not all(map(_is_storable, (new.title, new.uri, new.media_type))):
        raise ValidationError("Title, address and media type are of characters that can be stored.")
    if len(new.title) > 400 or len(new.uri) > 2_000 or len(new.media_type) > 127:
        raise ValidationError("The title has at most 400 characters, the address 2,000, the media type 127.")
    if new.uri and not new.uri.startswith(("https://", "http://", "/")):
        raise ValidationError({"uri": "Write an address that begins with https://, http:// or /."})
    check_labels(new.metadata, new.access_tags)


def check_labels(metadata: Mapping[str, Any], access_tags: Sequence[str] | None) -> None:
    """Nothing, where metadata are flat and tags are tags.

    Raises:
        ValidationError: by the names of the fields.
    """
    if not isinstance(metadata, Mapping) or len(metadata) > MAX_METADATA:
        raise ValidationError({"metadata": f"Metadata are an object of at most {MAX_METADATA} fields."})
    for name, value in metadata.items():
        flat = isinstance(value, str | int | float | bool)
        if not isinstance(name, str) or not 0 < len(name) <= 64 or not _is_storable(name) or not flat:
            raise ValidationError({"metadata": "Fields have names of at most 64 characters, and texts or numbers."})
        if isinstance(value, str) and (len(value) > MAX_VALUE or not _is_storable(value)):
            raise ValidationError({"metadata": f"A text has at most {MAX_VALUE} characters."})
        if isinstance(value, int | float) and not abs(value) < 1e15:
            raise ValidationError({"metadata": "Numbers are below 10^15."})
    tags = list(access_tags or ())
    if len(tags) > MAX_TAGS:
        raise ValidationError({"access_tags": f"A document has at most {MAX_TAGS} tags."})
    for tag in tags:
        try:
            TAG(tag)
        except ValidationError as problem:
            raise ValidationError({"access_tags": problem.messages}) from problem


def taken(collection: Collection, new: NewDocument, ingest: Ingest | None) -> Document:
    """The document's row with what came in, within the only writer's transaction; a worker is told on commit."""
    row = _row_of(collection, new.external_id)
    digest = digest_of(new)
    before = row.ingest_id if row.state in (State.WAITING, State.READING) else None
    label(row, collection, metadata=new.metadata, access_tags=new.access_tags)
    row.uri = new.uri
    if _is_as_it_was(row, collection, digest):
        row.save()
        counted(row.tenant_id, ingest.pk if ingest else None, Outcome.UNCHANGED, chunks=row.chunk_count)
        return row
    if before is not None:
        counted(row.tenant_id, before, Outcome.SUPERSEDED)
    row.media_type, row.bytes, row.pending, row.pending_hash = new.media_type, len(new.content), new.content, digest
    row.title = new.title or row.title
    row.to_fetch, row.state, row.error, row.attempts = False, State.WAITING, "", 0
    row.ingest, row.updated_at = ingest, timezone.now()
    row.save()
    have_read(row.pk)
    return row


def have_read(document_id: uuid.UUID) -> None:
    """Tell a worker once the transaction is committed."""
    from rag.tasks import index_document

    transaction.on_commit(lambda: index_document.delay(str(document_id)), robust=True)


def digest_of(new: NewDocument) -> str:
    """Of what came in: a document with the same is not read again."""
    said = msgspec.json.encode([new.media_type, new.title])
    return hashlib.sha256(said + b"\x00" + new.content).hexdigest()


def label(
    row: Document, collection: Collection, *, metadata: Mapping[str, Any], access_tags: Sequence[str] | None
) -> None:
    """Set metadata and tags, also on what is searchable of the document now; the row itself is not saved."""
    row.own_tags = access_tags is not None
    tags = sorted(set(access_tags if access_tags is not None else collection.access_tags))
    changed = (row.access_tags, row.metadata) != (tags, dict(metadata))
    row.access_tags, row.metadata = tags, dict(metadata)
    if changed and row.chunk_count:
        for rows in (
            Chunk.objects.for_tenant(row.tenant_id).filter(document=row),
            ChunkVector.objects.for_tenant(row.tenant_id).filter(document=row),
        ):
            rows.update(access_tags=tags, metadata=row.metadata)
        searched_anew(collection)


def searched_anew(collection: Collection) -> None:
    """Answers that rest on how the collection was are not given again."""
    from rag.search.indexing import documents_changed

    documents_changed(tenant_id=collection.tenant_id, collection_id=collection.pk)


@transaction.atomic
def update_document(*, document: Document, **fields: Any) -> Document:
    """Change title, address, metadata or tags; ``access_tags=None``: those of the collection.

    Raises:
        ValidationError: something is not valid, by the names of the fields.
    """
    writing(document.collection_id)
    row: Document = Document.objects.for_tenant(document.tenant_id).select_for_update(of=("self",)).get(pk=document.pk)
    tags = fields.get("access_tags", row.access_tags if row.own_tags else None)
    new = NewDocument(
        external_id=row.external_id,
        content=b"",
        title=fields.get("title", row.title),
        uri=fields.get("uri", row.uri),
        metadata=fields.get("metadata", row.metadata),
        access_tags=tags,
    )
    check_document(new)
    label(row, row.collection, metadata=new.metadata, access_tags=tags)
    row.uri = new.uri
    if new.title != row.title:
        row.title = new.title
        if row.state == State.READY:
            # Titles are searched by: its chunks are made again, with the vectors they have.
            row.state, row.attempts = State.WAITING, 0
            have_read(row.pk)
    row.updated_at = timezone.now()
    row.save()
    noted_change(row.collection, AuditEntry.Action.UPDATED, {"document": row.external_id, "changed": sorted(fields)})
    return row


def delete_document(*, document: Document) -> None:
    """Delete it with its chunks and vectors."""
    rows = Document.objects.for_tenant(document.tenant_id).filter(pk=document.pk)
    delete_documents(collection=document.collection, documents=rows)


@transaction.atomic
def delete_documents(*, collection: Collection, documents: QuerySet[Document]) -> int:
    """Delete these documents of the collection; how many they were."""
    writing(collection.pk)
    rows = list(
        documents.filter(tenant_id=collection.tenant_id, collection=collection)
        .select_for_update()
        .only("pk", "external_id", "state", "ingest_id", "tenant_id", "collection_id")
    )
    for row in rows:
        removed(row, collection)
    if rows:
        said = {"documents": [row.external_id for row in rows[:20]], "removed": len(rows)}
        noted_change(collection, AuditEntry.Action.DELETED, said)
    return len(rows)


def removed(row: Document, collection: Collection) -> None:
    """Delete the document within the only writer's transaction, and tell of it."""
    from rag.search.indexing import forget_chunks

    forget_chunks(row)
    if row.state in (State.WAITING, State.READING):
        counted(row.tenant_id, row.ingest_id, Outcome.SUPERSEDED)
    key = str(row.pk)
    Document.objects.for_tenant(row.tenant_id).filter(pk=row.pk).delete()
    event = DocumentDeleted(
        collection=collection.name, document_id=key, external_id=row.external_id, actor=current_actor().name
    )
    tell(event, row.tenant_id)


@transaction.atomic
def reindex_documents(*, collection: Collection, documents: Sequence[uuid.UUID] | None = None) -> Ingest:
    """Have these documents (None: all) read or cut again; failed ones are tried once more.

    Raises:
        ValidationError: none of them can be: of a file that was refused nothing is kept.
    """
    from rag.ingest.starting import new_ingest

    writing(collection.pk)
    rows = Document.objects.for_tenant(collection.tenant_id).filter(collection=collection)
    rows = rows.filter(state__in=(State.READY, State.FAILED))
    if documents is not None:
        rows = rows.filter(pk__in=list(documents))
    # What came in last, its address, or the text of what was read: one of them has to be there.
    again = list(
        rows.filter(Q(to_fetch=True) | Q(pending__isnull=False) | (Q(pending_hash="") & ~Q(text=""))).only("pk")
    )
    if not again:
        raise ValidationError("There is nothing to read again. Send files that were refused once more.")
    ingest = new_ingest(collection, source="settings", total=len(again))
    waiting = Document.objects.for_tenant(collection.tenant_id).filter(pk__in=[row.pk for row in again])
    waiting.update(state=State.WAITING, error="", attempts=0, ingest=ingest, settings_hash="")
    for row in again:
        have_read(row.pk)
    noted_change(collection, AuditEntry.Action.UPDATED, {"read_again": len(again)})
    return ingest


def noted_change(collection: Collection, action: AuditEntry.Action, details: dict[str, Any]) -> None:
    """An entry in the audit log about documents of the collection; what they say stays out of it."""
    note(
        action,
        object_type="documents",
        object_id=str(collection.pk),
        object_name=collection.name,
        tenant_id=collection.tenant_id,
        details=details,
    )


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL takes it: no NUL, no half of a character."""
    return "\x00" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _row_of(collection: Collection, external_id: str) -> Document:
    rows = Document.objects.for_tenant(collection.tenant_id).select_for_update()
    found: Document | None = rows.filter(collection=collection, external_id=external_id).first()
    return found or Document(tenant_id=collection.tenant_id, collection=collection, external_id=external_id)


def _is_as_it_was(row: Document, collection: Collection, digest: str) -> bool:
    if row.state != State.READY or row.content_hash != digest:
        return False
    return row.settings_hash == settings_hash(collection, title=row.title, language=row.language)
