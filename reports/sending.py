"""Sends what :mod:`reports.making` put down: each message once, again after growing pauses, and then no more."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from alerting.models import Channel
from contracts.events import EventContext, ReportDelivered
from contracts.tenant_scope import across_tenants
from reports.drawing.mail import message
from reports.drawing.slack import blocks
from reports.links import Links
from reports.models import Recipient, ReportDelivery
from tenants.emitting import emit
from tenants.models import User
from tenants.outgoing import Answer, mail
from tenants.permissions import permitted
from tenants.roles import TenantPermission
from tenants.slack import post_to

MOST_AT_ONCE: Final = 100


@across_tenants("what is due of all tenants is sent in one go")
def deliver_due(*, now: datetime | None = None) -> int:
    """Send what is due; how many messages were taken."""
    taken = 0
    for _ in range(MOST_AT_ONCE):
        row = _claim(now or timezone.now())
        if row is None:
            break
        taken += _finish(row, _sent(row))
    return taken


@transaction.atomic
def _claim(now: datetime) -> ReportDelivery | None:
    """The next that is due, put off at once: nobody else takes it, and if this process dies it is tried later."""
    due = ReportDelivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        outcome=ReportDelivery.Outcome.WAITING, next_try_at__lte=now
    )
    named = ("channel__secret", "user", "report__tenant", "report__schedule")
    row: ReportDelivery | None = due.select_related(*named).order_by("next_try_at", "pk").first()
    if row is None:
        return None
    row.put_off(now)
    return row


def _sent(row: ReportDelivery) -> Answer:
    if row.channel is not None:
        return _to_channel(row, row.channel)
    if row.user is not None:
        return _to_member(row, row.user)
    return Answer(False, None, "The channel or member is not there any more.", again=False)


def _to_channel(row: ReportDelivery, channel: Channel) -> Answer:
    if not channel.enabled:
        return Answer(False, None, "The channel is switched off.", again=False)
    links, content = Links(row.report), row.report.says
    if channel.kind == Channel.Kind.EMAIL:
        return mail(message(content, links, channel.address, key=str(row.pk)))
    if channel.secret is None:
        return Answer(False, None, "The channel has no webhook.", again=False)
    return post_to(channel.secret, blocks(content, links))


def _to_member(row: ReportDelivery, user: User) -> Answer:
    """What their role lets them see, as of now."""
    tenant = row.report.tenant
    allowed = permitted(user, tenant) if tenant is not None else frozenset()
    if TenantPermission.VIEW_USAGE not in allowed or not user.email:
        return Answer(False, None, "This person may not see usage here any more.", again=False)
    content = row.report.says.seen_by(lambda permission: permission in allowed)
    recipients = Recipient.objects.filter(tenant=row.tenant_id, schedule=row.report.schedule_id, user=user)
    links = Links(row.report, recipients.first())
    return mail(message(content, links, user.email, key=str(row.pk)))


@transaction.atomic
def _finish(row: ReportDelivery, answer: Answer) -> bool:
    if row.settle(answer):
        event = ReportDelivered(
            delivery_id=str(row.pk),
            report_id=str(row.report_id),
            kind=row.kind,
            delivered=answer.taken,
            tries=row.tries,
            error=row.error,
        )
        transaction.on_commit(lambda: emit(event, EventContext(tenant_id=str(row.tenant_id or ""))), robust=True)
    return answer.taken
