"""How far an ingest is: each of its documents is counted once, in the transaction that ends it."""

from __future__ import annotations

import uuid
from enum import StrEnum

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from contracts.events import EventContext, EventPayload, IngestEnded
from rag.models import Ingest, IngestProblem
from tenants.emitting import emit


class Outcome(StrEnum):
    """What became of a document."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """Another version came before this one was read."""


def tell(event: EventPayload, tenant_id: uuid.UUID) -> None:
    """Emit it once the transaction is committed."""
    transaction.on_commit(lambda: emit(event, EventContext(tenant_id=str(tenant_id))), robust=True)


def begun(tenant_id: uuid.UUID, ingest_id: uuid.UUID | None) -> None:
    """A worker is at one of its documents."""
    if ingest_id is not None:
        waiting = Ingest.objects.for_tenant(tenant_id).filter(pk=ingest_id, state=Ingest.State.WAITING)
        waiting.update(state=Ingest.State.RUNNING, started_at=timezone.now())


def counted(tenant_id: uuid.UUID, ingest_id: uuid.UUID | None, outcome: Outcome, *, chunks: int = 0) -> None:
    """One of its documents has come to its end; where it was the last, so has the ingest."""
    if ingest_id is None:
        return
    failed = int(outcome is Outcome.FAILED)
    own = Ingest.objects.for_tenant(tenant_id).filter(pk=ingest_id)
    own.update(
        done=F("done") + 1 - failed,
        failed=F("failed") + failed,
        unchanged=F("unchanged") + int(outcome is Outcome.UNCHANGED),
        chunks=F("chunks") + chunks,
    )
    ended_if_complete(tenant_id, ingest_id)


def ended_if_complete(tenant_id: uuid.UUID, ingest_id: uuid.UUID) -> None:
    """Mark the ingest as done where nothing of it is left, and tell of it."""
    now = timezone.now()
    open_ = Ingest.objects.for_tenant(tenant_id).filter(pk=ingest_id, ended_at=None)
    if not open_.filter(total__lte=F("done") + F("failed")).update(state=Ingest.State.DONE, ended_at=now):
        return
    row: Ingest = Ingest.objects.for_tenant(tenant_id).select_related("collection").get(pk=ingest_id)
    tell(
        IngestEnded(
            collection=row.collection.name,
            ingest_id=str(row.pk),
            source=row.source,
            documents=row.total,
            failed=row.failed,
            unchanged=row.unchanged,
            chunks=row.chunks,
            duration_ms=(now - row.created_at).total_seconds() * 1_000,
        ),
        tenant_id,
    )


def noted(tenant_id: uuid.UUID, ingest_id: uuid.UUID | None, document: str, code: str, message: str) -> None:
    """Why a document of the ingest could not be taken."""
    if ingest_id is not None:
        IngestProblem.objects.create(
            tenant_id=tenant_id, ingest_id=ingest_id, document=document[:512], code=code, message=message[:400]
        )
