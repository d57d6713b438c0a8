"""Sends what :mod:`alerting.telling` put down: in order, again after growing pauses, and not too many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone

from alerting.channel_rows import Channel, Delivery
from alerting.channels import SENDERS
from alerting.channels.facts import Facts
from alerting.incident_rows import Alert, Incident
from console import formats
from contracts.events import AlertDelivered, EventContext
from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.emitting import emit
from tenants.outgoing import Answer

MOST_IN_WINDOW: Final = 30
WINDOW: Final = timedelta(minutes=10)
"""A channel gets at most so many messages in so long; more wait."""
MOST_AT_ONCE: Final = 200


@across_tenants("what is due of all tenants is sent in one go")
def deliver_due(*, now: datetime | None = None) -> int:
    """Send what is due; how many messages were taken."""
    taken = 0
    for _ in range(MOST_AT_ONCE):
        row = _claim(now or timezone.now())
        if row is None:
            break
        taken += _deliver(row)
    return taken


def send_test(channel: Channel) -> Delivery:
    """A message that shows what they look like, sent at once and not tried again; its row says what came of it.

    The audit log has it before it is sent: whoever made a message leave is known, whatever came of it.
    """
    note(
        AuditEntry.Action.CREATED,
        object_type="test message",
        object_id=str(channel.pk),
        object_name=f"to the channel {channel.name}",
        tenant_id=channel.tenant_id,
        details={"kind": channel.kind, "to": channel.shown},
    )
    row = Delivery.objects.create(
        tenant_id=channel.tenant_id,
        channel=channel,
        what="test",
        tries=1,
        next_try_at=timezone.now() + timedelta(days=1),
    )
    _finish(row, SENDERS[channel.kind](channel, row, _example(channel)), again=False)
    return row


def facts_of(delivery: Delivery) -> Facts:
    """What the message tells: the incident as it is now."""
    incident = delivery.incident
    assert incident is not None
    what = delivery.what.partition(":")[0]
    alerts = Alert.objects.filter(tenant=incident.tenant_id, incident=incident).select_related("rule")[:5]
    advice = next((alert.rule.description for alert in alerts if alert.rule and alert.rule.description), "")
    over = incident.resolved_at
    return Facts(
        what=what,
        key=f"breakwater-{incident.pk}-{incident.opened_times}",
        incident_id=str(incident.pk),
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        owner=incident.tenant.name if incident.tenant else "All tenants",
        tenant_id=str(incident.tenant_id or ""),
        summaries=tuple(alert.summary for alert in alerts),
        advice=advice,
        began_at=incident.began_at,
        time_zone=incident.tenant.time_zone if incident.tenant else "UTC",
        link=link_of(incident),
        by=incident.resolved_by if what == "resolved" else incident.acknowledged_by,
        lasted=formats.duration((over - incident.began_at).total_seconds() * 1000) if over else "",
    )


def link_of(incident: Incident) -> str:
    """The address of its page; empty without PUBLIC_URL."""
    if not settings.PUBLIC_URL:
        return ""
    if incident.tenant is None:
        return f"{settings.PUBLIC_URL}{reverse('console:incident', kwargs={'pk': incident.pk})}"
    where = {"tenant": incident.tenant.slug, "pk": incident.pk}
    return f"{settings.PUBLIC_URL}{reverse('portal:incident', kwargs=where)}"


@transaction.atomic
def _claim(now: datetime) -> Delivery | None:
    """The next that is due, put off at once: nobody else takes it, and if this process dies it is tried later."""
    earlier = Delivery.objects.filter(
        channel=OuterRef("channel"),
        incident=OuterRef("incident"),
        outcome=Delivery.Outcome.WAITING,
        created_at__lt=OuterRef("created_at"),
    )
    due = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        ~Exists(earlier), outcome=Delivery.Outcome.WAITING, next_try_at__lte=now
    )
    row: Delivery | None = (
        due.select_related("channel__secret", "incident__tenant").order_by("next_try_at", "pk").first()
    )
    if row is None:
        return None
    if _too_many(row.channel, now):
        row.next_try_at = now + WINDOW / 10
        row.save(update_fields=["next_try_at"])
        return _claim(now)
    row.put_off(now)
    return row


def _too_many(channel: Channel, now: datetime) -> bool:
    sent = Delivery.objects.filter(channel=channel, outcome=Delivery.Outcome.SENT, ended_at__gt=now - WINDOW)
    return sent.count() >= MOST_IN_WINDOW


def _deliver(row: Delivery) -> bool:
    if not row.channel.enabled:
        return _finish(row, Answer(False, None, "The channel is switched off.", again=False))
    return _finish(row, SENDERS[row.channel.kind](row.channel, row, facts_of(row)))


def _finish(row: Delivery, answer: Answer, *, again: bool = True) -> bool:
    if row.settle(answer, again=again):
        event = AlertDelivered(
            delivery_id=str(row.pk),
            channel_id=str(row.channel_id),
            channel=row.channel.name,
            kind=row.channel.kind,
            incident_id=str(row.incident_id or ""),
            what=row.what,
            delivered=answer.taken,
            tries=row.tries,
            error=row.error,
        )
        emit(event, EventContext(tenant_id=str(row.tenant_id or "")))
    return answer.taken


def _example(channel: Channel) -> Facts:
    """As a true one, and said to be a test."""
    owner = channel.tenant.name if channel.tenant else "All tenants"
    return Facts(
        what="test",
        key=f"breakwater-test-{channel.pk}",
        incident_id="00000000-0000-0000-0000-000000000000",
        title="Error rate on route chat",
        severity="info",
        state="open",
        owner=owner,
        tenant_id=str(channel.tenant_id or ""),
        summaries=("Nothing is wrong: somebody looks whether messages arrive here.",),
        advice="",
        began_at=datetime.now(UTC),
        time_zone=channel.tenant.time_zone if channel.tenant else "UTC",
        link="",
    )
