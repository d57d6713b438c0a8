"""Takes the actions that are due, each once for each alert: whoever dies in the middle has done nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from alerting import incidents
from alerting.actions.changed import Changed, actor_of
from alerting.actions.hooks import call_started
from alerting.actions.kinds import KINDS
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.telling import tell_taken
from alerting.actions.undoing import undo_ended
from alerting.actions.words import order
from alerting.engine.restraint import Limits, held_back
from alerting.incident_rows import Alert
from alerting.owned import RANKS
from contracts.tenant_scope import across_tenants
from tenants.actor import acting_as

log = logging.getLogger(__name__)

State = ActionRun.State
_COUNTED = (State.STARTED, State.DONE, State.WOULD, State.FAILED, State.UNDONE, State.SUPERSEDED)
"""What was taken, or would have been: all but what was held back."""


@across_tenants("actions of all tenants are looked at in one go")
def act(*, now: datetime) -> int:
    """Take what is due, go on with hooks, and undo what ends with its alert; how many actions were taken."""
    taken = sum(_tried(action, alert, now) for action, alert in _due(now))
    call_started(now=now)
    undo_ended(now=now)
    return taken


def _due(now: datetime) -> Iterable[tuple[AlertAction, Alert]]:
    owners = Q(tenant=None) | Q(tenant__active=True)
    actions = list(AlertAction.objects.filter(owners, enabled=True).order_by("tenant_id", "pk"))
    if not actions:
        return []
    going = Alert.objects.filter(resolved_at=None, incident__silenced=False).order_by("fired_at")
    alerts = list(going.filter(tenant__in=[one.tenant_id for one in actions if one.tenant_id]).order_by("fired_at"))
    if any(one.tenant_id is None for one in actions):
        alerts += list(going.filter(tenant=None))
    return [(action, alert) for action in actions for alert in alerts if _concerns(action, alert, now)]


def _concerns(action: AlertAction, alert: Alert, now: datetime) -> bool:
    """Whether the alert is one of the action's, and has held for long enough."""
    if alert.tenant_id != action.tenant_id or (action.rule_id and alert.rule_id != action.rule_id):
        return False
    held = alert.fired_at + timedelta(minutes=action.after_minutes) <= now
    return held and RANKS[alert.severity] >= RANKS[action.from_severity]


def _tried(action: AlertAction, alert: Alert, now: datetime) -> int:
    try:
        with acting_as(actor_of(alert.name)):
            return _take(action.pk, alert, now)
    except Exception:  # boundary: an action that cannot be taken is tried again, and keeps no other from its turn
        log.exception("the action %s cannot be taken", action.pk)
        return 0


@transaction.atomic
def _take(action_id: Any, alert: Alert, now: datetime) -> int:
    owner = alert.tenant_id
    action = _locked(owner, action_id)
    still = Alert.objects.select_for_update(of=("self",)).filter(tenant=owner, pk=alert.pk, resolved_at=None)
    alert_row = still.select_related("incident").first()
    if action is None or alert_row is None:
        return 0
    run = ActionRun.objects.filter(tenant=owner, action=action, alert=alert).first()
    if run is not None and run.state != State.REFUSED:
        return 0
    run = run or ActionRun(tenant_id=owner, action=action, alert=alert, incident=alert_row.incident)
    run.name, run.kind, run.at, run.undo_on_clear = action.name, action.kind, now, action.undo_on_clear
    why_not = _limits(action, run, now)
    if not why_not and action.kind in KINDS:
        why_not = KINDS[action.kind].refusal(action, alert_row)
    if why_not:
        return _refuse(run, f"{order(action)}: not done. {why_not}")
    return _do(run, action, alert_row)


def _locked(owner: Any, action_id: Any) -> AlertAction | None:
    rows = AlertAction.objects.select_for_update(of=("self",)).filter(tenant=owner, pk=action_id, enabled=True)
    related = rows.select_related("route", "policy", "channel", "target__model__provider", "target__route")
    found: AlertAction | None = related.first()
    return found


def _limits(action: AlertAction, run: ActionRun, now: datetime) -> str:
    earlier = ActionRun.objects.filter(tenant=action.tenant_id, action=action, state__in=_COUNTED).exclude(pk=run.pk)
    times: Sequence[tuple[datetime, datetime | None]] = list(earlier.values_list("at", "undone_at")[:200])
    limits = Limits(action.max_per_hour, action.max_per_day, action.cooldown_minutes * 60)
    taken = [at.timestamp() for at, _ in times]
    return held_back(limits, now.timestamp(), taken, [at.timestamp() for _, at in times if at])


def _refuse(run: ActionRun, text: str) -> int:
    """Said once for each reason; tried again as long as the alert holds."""
    if run.text != text[:500]:
        run.state, run.text = State.REFUSED, text[:500]
        run.save()
        tell_taken(run)
        incidents.note_action(run.incident, run.text)
    return 0


def _do(run: ActionRun, action: AlertAction, alert: Alert) -> int:
    changed = Changed({}, {})
    if action.dry_run:
        run.state, run.text = State.WOULD, f"Dry run, nothing was changed. It would have: {order(action)}."
    elif action.kind in KINDS:
        run.state, run.text = State.DONE, f"{order(action)}."
        changed = KINDS[action.kind].do(action, alert)
    else:
        run.state, run.text = State.STARTED, f"{order(action)}."
    run.before, run.after, run.audit_id = changed.before, changed.after, changed.audit_id
    run.text = run.text[:500]
    run.save()
    if run.state != State.STARTED:
        tell_taken(run)
        incidents.note_action(run.incident, run.text)
    return 1
