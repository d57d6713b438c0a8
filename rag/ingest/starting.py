"""Documents that come together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from rag.ingest.counting import Outcome, counted, ended_if_complete, noted
from rag.ingest.documents import NewDocument, check_document, have_read, label, noted_change, taken
from rag.ingest.fetching import BadAddress, checked_address
from rag.ingest.locks import writing
from rag.models import Collection, Document, Ingest
from tenants.actor import current_actor
from tenants.audit import AuditEntry

MAX_DOCUMENTS: Final = 1_000
MAX_URLS: Final = 1_000
State = Document.State


def new_ingest(collection: Collection, *, source: str, total: int, delete_missing: bool = False) -> Ingest:
    """Its row."""
    row: Ingest = Ingest.objects.create(
        tenant_id=collection.tenant_id,
        collection=collection,
        source=source,
        total=total,
        delete_missing=delete_missing,
        requested_by=current_actor().name[:200],
    )
    return row


@transaction.atomic
def start_ingest(*, collection: Collection, source: str, documents: Iterable[NewDocument]) -> Ingest:
    """Take documents that come together; one that cannot be taken is a problem of the ingest, and keeps no other back.

    Of several with the same id the last counts.

    Raises:
        ValidationError: there are none, or too many.
    """
    given = list(documents)
    if not 0 < len(given) <= MAX_DOCUMENTS:
        raise ValidationError({"documents": f"Send 1 to {MAX_DOCUMENTS:,} documents."})
    ingest = new_ingest(collection, source=source, total=len(given))
    writing(collection.pk)
    for new in given:
        try:
            check_document(new)
        except ValidationError as problem:
            told = " ".join(problem.messages)
            noted(collection.tenant_id, ingest.pk, new.external_id, getattr(problem, "code", "") or "invalid", told)
            counted(collection.tenant_id, ingest.pk, Outcome.FAILED)
        else:
            taken(collection, new, ingest)
    said = {"ingest": str(ingest.pk), "source": source, "documents": len(given)}
    noted_change(collection, AuditEntry.Action.UPDATED, said)
    ingest.refresh_from_db()
    return ingest


@transaction.atomic
def start_url_ingest(*, collection: Collection, urls: Sequence[str], delete_missing: bool = False) -> Ingest:
    """Have these addresses fetched, each a document by its address; what has not changed there is not read again.

    ``delete_missing``: documents whose address answers 404 or 410 are deleted.

    Raises:
        ValidationError: there are none, or too many.
    """
    given = list(dict.fromkeys(url.strip() for url in urls if url.strip()))
    if not 0 < len(given) <= MAX_URLS:
        raise ValidationError({"urls": f"Write 1 to {MAX_URLS:,} addresses."})
    ingest = new_ingest(collection, source="urls", total=len(given), delete_missing=delete_missing)
    writing(collection.pk)
    for url in given:
        try:
            _awaited(collection, checked_address(url), ingest)
        except BadAddress as problem:
            noted(collection.tenant_id, ingest.pk, url, problem.code, problem.message)
            counted(collection.tenant_id, ingest.pk, Outcome.FAILED)
    ended_if_complete(collection.tenant_id, ingest.pk)
    said = {"ingest": str(ingest.pk), "source": "urls", "documents": len(given)}
    noted_change(collection, AuditEntry.Action.UPDATED, said)
    ingest.refresh_from_db()
    return ingest


def _awaited(collection: Collection, url: str, ingest: Ingest) -> None:
    rows = Document.objects.for_tenant(collection.tenant_id).select_for_update()
    row = rows.filter(collection=collection, external_id=url[:512]).first()
    if row is None:
        row = Document(tenant_id=collection.tenant_id, collection=collection, external_id=url[:512])
        label(row, collection, metadata={}, access_tags=None)
    elif row.state in (State.WAITING, State.READING):
        counted(row.tenant_id, row.ingest_id, Outcome.SUPERSEDED)
    row.uri, row.to_fetch, row.pending, row.pending_hash = url, True, None, ""
    row.state, row.error, row.attempts, row.ingest, row.updated_at = State.WAITING, "", 0, ingest, timezone.now()
    row.save()
    have_read(row.pk)
