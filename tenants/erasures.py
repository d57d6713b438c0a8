"""Requests to erase an end user, worked off in the background: how far each is, and how it ended.

The id itself is in the row as long as it is needed, encrypted like a secret; afterwards its pseudonym stands alone.
"""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from tenants.actor import acting_as, current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.data_protection import checked_end_user, erase_end_user, pseudonym_of
from tenants.models import Erasure, Tenant
from tenants.progress import TOLD_EVERY_S, moved
from tenants.secrets.encryption import Sealed
from tenants.secrets.process import process_cipher

logger = logging.getLogger(__name__)


@transaction.atomic
def request_erasure(*, tenant: Tenant, end_user: str) -> Erasure:
    """Have this end user erased by a task that begins at once; audited as asked for by the current actor.

    Raises:
        ValidationError: there is no id, or it is a pseudonym already.
    """
    pseudonym = pseudonym_of(tenant.pk, checked_end_user(end_user))
    row = Erasure(tenant=tenant, pseudonym=pseudonym, requested_by=current_actor().name)
    sealed = process_cipher().seal(end_user, owner=str(tenant.pk), name=str(row.pk))
    row.sealed, row.key_id = sealed.ciphertext, sealed.key_id
    row.save(force_insert=True)
    _note(row, AuditEntry.Action.CREATED, {"state": row.state})
    transaction.on_commit(lambda: _begin(str(row.pk)))
    return row


@across_tenants("a task knows the request by its id alone")
def work_off(erasure_id: uuid.UUID) -> None:
    """Erase, and keep the row telling how far it is. Beginning again after an interruption is safe."""
    row = Erasure.objects.select_related("tenant").filter(pk=erasure_id, ended_at=None).first()
    if row is None:
        return
    try:
        with acting_as(row.requested_by):
            _work_off(row)
    except Exception as error:  # boundary: whatever it was, whoever waits for it must see that it failed
        logger.exception("erasure %s failed", row.pk)
        _ended(row, Erasure.State.FAILED, f"It stopped with {type(error).__name__}: the log of the worker says more.")
        with acting_as(row.requested_by):
            _note(row, AuditEntry.Action.UPDATED, {"state": row.state, "error": type(error).__name__})


def _work_off(row: Erasure) -> None:
    moved(row, state=Erasure.State.RUNNING, step="events")
    end_user = process_cipher().open(Sealed(bytes(row.sealed), row.key_id), owner=str(row.tenant_id), name=str(row.pk))
    erased = erase_end_user(row.tenant, end_user, told=_Progress(row))
    row.events, row.runs, row.usage_records = erased.events, erased.runs, erased.usage_records
    _ended(row, Erasure.State.DONE, "")


class _Progress:
    """Writes down how far it is, at most twice a second."""

    def __init__(self, row: Erasure) -> None:
        self._row = row
        self._told_at = 0.0

    def __call__(self, step: str, changed: int) -> None:
        """``changed`` rows so far in ``step``: ``events``, ``runs`` or ``usage_records``."""
        now = time.monotonic()
        if step == self._row.step and now - self._told_at < TOLD_EVERY_S:
            return
        self._told_at = now
        moved(self._row, step=step, **{step: changed})


def _ended(row: Erasure, state: str, error: str) -> None:
    moved(
        row,
        state=state,
        step="",
        error=error,
        ended_at=timezone.now(),
        sealed=b"",
        events=row.events,
        runs=row.runs,
        usage_records=row.usage_records,
    )


def _note(row: Erasure, action: AuditEntry.Action, details: dict[str, Any]) -> None:
    note(
        action,
        object_type=row.work_type,
        object_id=str(row.pk),
        object_name=row.pseudonym,
        tenant_id=row.tenant_id,
        details=details,
    )


def _begin(erasure_id: str) -> None:
    from tenants.tasks import erase_end_user

    erase_end_user.delay(erasure_id)
