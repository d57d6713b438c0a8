"""Puts back what an action changed: by one click, or by itself when its alert is over."""

from __future__ import annotations

import logging
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from alerting import incidents
from alerting.actions.changed import actor_of
from alerting.actions.hooks import call_back
from alerting.actions.kinds import KINDS
from alerting.actions.rows import ActionRun
from alerting.actions.telling import tell_undone
from tenants.actor import acting_as, current_actor

log = logging.getLogger(__name__)

State = ActionRun.State


@transaction.atomic
def undo(*, run: ActionRun, now: datetime) -> ActionRun:
    """Put back what it changed. What somebody changed since is left as it is, and said so.

    Raises:
        ValidationError: there is nothing to put back.
    """
    row: ActionRun = (
        ActionRun.objects.select_for_update(of=("self",))
        .select_related("incident", "action__channel")
        .get(tenant=run.tenant_id, pk=run.pk)
    )
    if not row.can_be_undone:
        raise ValidationError("There is nothing to undo.")
    why_not = KINDS[row.kind].undo(row) if row.kind in KINDS else call_back(row)
    row.state = State.SUPERSEDED if why_not else State.UNDONE
    row.undone_at, row.undone_by = now, current_actor().name
    row.save(update_fields=["state", "undone_at", "undone_by", "updated_at"])
    tell_undone(row)
    incidents.note_action(row.incident, f"{row.name}: {why_not or 'undone'}", undone=True, by=row.undone_by)
    return row


def undo_ended(*, now: datetime) -> int:
    """What is to end with its alert; how many were put back."""
    rows = ActionRun.objects.filter(state=State.DONE, undo_on_clear=True, alert__resolved_at__isnull=False)
    return sum(_undone(run, now) for run in rows.select_related("alert")[:100])


def _undone(run: ActionRun, now: datetime) -> int:
    try:
        with acting_as(actor_of(run.alert.name)):
            undo(run=run, now=now)
    except Exception:  # boundary: one that cannot be undone is tried again, and keeps no other from its turn
        log.exception("the action %s cannot be undone", run.pk)
        return 0
    return 1
