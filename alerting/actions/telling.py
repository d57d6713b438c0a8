"""The audit entry and the event of each action and undo."""

from __future__ import annotations

from django.db import transaction

from alerting.actions.rows import ActionRun
from contracts.events import ActionTaken, ActionUndone, EventContext, EventPayload
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.emitting import emit


def tell_taken(run: ActionRun) -> None:
    """It was taken, tried in a dry run, held back, or failed."""
    _audit(run)
    _emit(run, ActionTaken(**_told(run), alert_id=str(run.alert_id)))


def tell_undone(run: ActionRun) -> None:
    """It was put back, or somebody was faster."""
    _audit(run)
    _emit(run, ActionUndone(**_told(run), actor=current_actor().name))


def _told(run: ActionRun) -> dict[str, str]:
    return {
        "run_id": str(run.pk),
        "action_id": str(run.action_id or ""),
        "action": run.name,
        "kind": run.kind,
        "outcome": run.state,
        "text": run.text,
        "incident_id": str(run.incident_id),
    }


def _audit(run: ActionRun) -> None:
    note(
        AuditEntry.Action.UPDATED,
        object_type="actionrun",
        object_id=str(run.pk),
        object_name=run.name,
        tenant_id=run.tenant_id,
        details={"state": run.state, "text": run.text, "incident": str(run.incident_id)},
    )


def _emit(run: ActionRun, event: EventPayload) -> None:
    context = EventContext(tenant_id=str(run.tenant_id or ""))
    transaction.on_commit(lambda: emit(event, context), robust=True)
