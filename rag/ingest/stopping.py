"""An ingest that somebody stops: what is not in place by then stays out, and can be read later."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contracts.events import IngestStopped
from rag.ingest.counting import tell
from rag.ingest.documents import noted_change
from rag.ingest.locks import writing
from rag.models import Document, Ingest
from tenants.actor import current_actor
from tenants.audit import AuditEntry

STOPPED: Final = "Its ingest was stopped before it was read."
State = Document.State


@transaction.atomic
def stop_ingest(*, ingest: Ingest) -> Ingest:
    """Read no further document of it. What is in place stays.

    Those that are left become failed ones: what came in is kept, so that they can be tried again, and the version
    before stays searchable. A worker that is at one of them finds at its end that it is not wanted any more.

    Raises:
        ValidationError: it has ended.
    """
    writing(ingest.collection_id)
    rows = Ingest.objects.for_tenant(ingest.tenant_id).select_for_update(of=("self",)).select_related("collection")
    row: Ingest = rows.get(pk=ingest.pk)
    if row.ended_at is not None:
        raise ValidationError("The ingest has ended.")
    now = timezone.now()
    waiting = Document.objects.for_tenant(row.tenant_id).filter(ingest=row, state__in=(State.WAITING, State.READING))
    left = waiting.update(state=State.FAILED, error=STOPPED, updated_at=now)
    row.state, row.ended_at = Ingest.State.STOPPED, now
    row.save(update_fields=["state", "ended_at"])
    noted_change(row.collection, AuditEntry.Action.UPDATED, {"stopped": str(row.pk), "left": left})
    event = IngestStopped(
        collection=row.collection.name,
        ingest_id=str(row.pk),
        source=row.source,
        documents=row.total,
        done=row.done,
        failed=row.failed,
        left=left,
        actor=current_actor().name,
    )
    tell(event, row.tenant_id)
    return row
