"""Tells further people of incidents that nobody acknowledges."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from alerting import incidents, telling
from alerting.channel_rows import Channel
from alerting.incident_rows import EscalationPolicy, Incident
from alerting.owned import RANKS
from contracts.tenant_scope import across_tenants


@across_tenants("incidents of all tenants are looked at in one go")
def escalate(*, now: datetime) -> int:
    """Take the steps that are due; how many were."""
    policies: dict[object, list[EscalationPolicy]] = {}
    for policy in EscalationPolicy.objects.filter(enabled=True):
        policies.setdefault(policy.tenant_id, []).append(policy)
    if not policies:
        return 0
    rows = Incident.objects.filter(state=Incident.State.OPEN, silenced=False)
    return sum(
        _escalate(incident, policy, now)
        for incident in rows
        for policy in policies.get(incident.tenant_id, ())
        if RANKS[incident.severity] >= RANKS[policy.from_severity]
    )


@transaction.atomic
def _escalate(incident: Incident, policy: EscalationPolicy, now: datetime) -> int:
    row = Incident.objects.select_for_update().get(tenant=incident.tenant_id, pk=incident.pk)
    due = [
        step
        for step in policy.steps[row.escalated_step :]
        if row.opened_at + timedelta(minutes=int(step["after_minutes"])) <= now
    ]
    if row.state != Incident.State.OPEN or not due:
        return 0
    for step in due:
        row.escalated_step += 1
        channels = list(Channel.objects.filter(tenant=row.tenant_id, enabled=True, pk__in=step["channels"]))
        telling.tell(row, f"escalated:{row.opened_times}.{row.escalated_step}", channels)
        names = ", ".join(channel.name for channel in channels) or "nobody"
        incidents.note_escalation(row, f"Not acknowledged for {step['after_minutes']} minutes: {names} is told.")
    row.save(update_fields=["escalated_step", "updated_at"])
    return len(due)
