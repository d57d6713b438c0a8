"""Calls the hook of a deployment: a signed request, sent until it is taken, with the same id each time.

Whoever dies between the request and its note sends it again: the receiver knows it by its id.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import transaction

from alerting import incidents
from alerting.actions.rows import ActionRun
from alerting.actions.telling import tell_taken
from alerting.channel_rows import Channel
from alerting.channels.webhook import DELIVERY, SIGNATURE, signature
from tenants.actor import acting_as
from tenants.outgoing import Answer, post, read_secret

log = logging.getLogger(__name__)

MOST_TRIES: Final = 5
State = ActionRun.State


def body(run: ActionRun, what: str) -> dict[str, Any]:
    """What is posted: ``action.rollback``, or ``action.undone``."""
    incident = run.incident
    return {
        "type": what,
        "action": {"run_id": str(run.pk), "name": run.name},
        "incident": {
            "id": str(incident.pk),
            "title": incident.title,
            "severity": incident.severity,
            "tenant_id": str(run.tenant_id) if run.tenant_id else None,
            "began_at": incident.began_at.isoformat(),
        },
    }


def call_started(*, now: datetime) -> int:
    """Call the hooks that are under way; how many took it."""
    rows = ActionRun.objects.filter(state=State.STARTED).select_related("alert", "incident", "action__channel__secret")
    return sum(_called(run, now) for run in rows[:50])


def _called(run: ActionRun, now: datetime) -> int:
    try:
        answer = _call(run, "action.rollback")
        with acting_as(f"alert “{run.alert.name}”"):
            return _note(run, answer)
    except Exception:  # boundary: a hook that cannot be called is tried again, and keeps no other from its turn
        log.exception("the hook of %s cannot be called", run.pk)
        return 0


def _call(run: ActionRun, what: str) -> Answer:
    channel: Channel | None = run.action.channel if run.action else None
    if channel is None or channel.secret is None:
        return Answer(False, None, "The webhook is not there any more.", again=False)
    secret, problem = read_secret(channel.secret)
    if problem:
        return Answer(False, None, problem)
    content = msgspec.json.encode(body(run, what))
    delivery = str(run.pk) if what == "action.rollback" else f"{run.pk}:undo"
    headers = {SIGNATURE: signature(secret.reveal(), int(time.time()), content), DELIVERY: delivery}
    return post(channel.address, content, headers, public_only=run.tenant_id is not None)


@transaction.atomic
def _note(run: ActionRun, answer: Answer) -> int:
    row = ActionRun.objects.select_for_update().filter(tenant=run.tenant_id, pk=run.pk, state=State.STARTED).first()
    if row is None:
        return 0
    row.tries += 1
    if answer.taken:
        row.state = State.DONE
    elif not answer.again or row.tries >= MOST_TRIES:
        row.state, row.text = State.FAILED, f"{row.text} {answer.error}"[:500]
    row.save(update_fields=["tries", "state", "text", "updated_at"])
    if row.state != State.STARTED:
        tell_taken(row)
        incidents.note_action(row.incident, row.text)
    return int(answer.taken)


def call_back(run: ActionRun) -> str:
    """Tell the hook that it is undone; why it could not be told, empty where it was."""
    answer = _call(run, "action.undone")
    return "" if answer.taken else f"The hook was not told. {answer.error}"
