"""Notices about budgets, by mail and in Slack: changing who gets them, and sending them once a threshold is crossed."""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from smtplib import SMTPException
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from contracts.events import BudgetThresholdCrossed
from contracts.ids import uuids_in
from contracts.money import shown_usd
from contracts.tenant_scope import across_tenants
from events.models import EventRecord
from tenants import slack
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import ApiKey, Budget, Team, Tenant
from tenants.notifications import BudgetNotice, NotificationAddress
from tenants.secret_services import create_secret, delete_secret, replace_secret

logger = logging.getLogger(__name__)

REACH: Final = timedelta(days=1)
"""How far back crossings are told: longer outages of the mail server make some go untold."""
NOTICES_KEPT: Final = timedelta(days=7)
_MOST_AT_ONCE: Final = 200


def add_address(*, tenant: Tenant, email: str, from_percent: int = 1) -> NotificationAddress:
    """Tell this address of the tenant's budgets from now on.

    Raises:
        ValidationError: it is no address, or told already.
    """
    return save_row(NotificationAddress(tenant=tenant, email=email.strip(), from_percent=from_percent))


@transaction.atomic
def add_slack(*, tenant: Tenant, channel: str, webhook: str, from_percent: int = 1) -> NotificationAddress:
    """Tell this channel of Slack from now on; the webhook's URL is stored encrypted and not shown again.

    Raises:
        ValidationError: there is no name, or the URL is none of Slack's.
    """
    url = slack.checked_url(webhook)
    secret = create_secret(
        name=f"slack-{secrets.token_hex(6)}",
        value=url,
        tenant=tenant,
        description=f"Slack webhook of {channel.strip()}"[:200],
    )
    return save_row(
        NotificationAddress(
            tenant=tenant,
            kind=NotificationAddress.Kind.SLACK,
            channel=channel.strip(),
            webhook=secret,
            webhook_shown=slack.masked(url),
            from_percent=from_percent,
        )
    )


@transaction.atomic
def change_webhook(*, address: NotificationAddress, webhook: str) -> NotificationAddress:
    """Give a channel another webhook.

    Raises:
        ValidationError: the URL is none of Slack's.
    """
    assert address.webhook is not None
    url = slack.checked_url(webhook)
    replace_secret(secret=address.webhook, value=url)
    address.webhook_shown = slack.masked(url)
    return save_row(address)


def change_address(*, address: NotificationAddress, **fields: Any) -> NotificationAddress:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(address, fields))


@transaction.atomic
def remove_address(*, address: NotificationAddress) -> None:
    """Tell it no longer."""
    webhook = address.webhook
    delete_row(address)
    if webhook is not None:
        delete_secret(secret=webhook)


def send_test(*, address: NotificationAddress) -> bool:
    """A notice that shows what they look like; whether the mail server, or Slack, took it."""
    now = timezone.now()
    example = {
        "name": "example",
        "level": "tenant",
        "subject": str(address.tenant_id),
        "window": "month",
        "period_end_ms": None,
        "percent": 80,
        "spent_nanousd": 80_000_000_000,
        "limit_nanousd": 100_000_000_000,
        "action": "alert_only",
    }
    return _send(address, address.tenant, example, now, test=True)


@across_tenants("crossings of all tenants are told in one go")
def tell_crossings(*, now: datetime | None = None) -> int:
    """Send what has not been sent of the last day; returns how many mails went out.

    What goes to Slack is handed to a task for each channel: one that answers slowly keeps nobody waiting. What fails is
    tried again with the next round.
    """
    now = now or timezone.now()
    BudgetNotice.objects.filter(sent_at__lt=now - NOTICES_KEPT).delete()
    rows = list(NotificationAddress.objects.values_list("pk", "tenant_id", "kind"))
    by_tenant = _crossings(now, [str(tenant_id) for _, tenant_id, _ in rows])
    sent = 0
    for key, tenant_id, kind in rows:
        events = by_tenant.get(str(tenant_id), [])
        if events and kind == NotificationAddress.Kind.SLACK:
            _tell_in_background(key)
        elif events:
            sent += _tell(key, events)
    return sent


@across_tenants("a task knows the channel by its id alone")
def tell_channel(address_id: uuid.UUID, *, now: datetime | None = None) -> int:
    """Send to one channel what it has not been told of the last day; returns how many messages went out."""
    owner = NotificationAddress.objects.filter(pk=address_id).values_list("tenant_id", flat=True).first()
    return (
        0 if owner is None else _tell(address_id, _crossings(now or timezone.now(), [str(owner)]).get(str(owner), []))
    )


def _tell_in_background(address_id: uuid.UUID) -> None:
    from tenants.tasks import TELL_CROSSINGS_EVERY_S, tell_channel_of_budgets

    # A round later there is another one.
    tell_channel_of_budgets.apply_async((str(address_id),), expires=TELL_CROSSINGS_EVERY_S)


def _crossings(now: datetime, tenant_ids: list[str]) -> dict[str, list[EventRecord]]:
    """Of the last day, by tenant, the oldest first."""
    if not tenant_ids:
        return {}
    crossings = EventRecord.objects.filter(
        event_type=BudgetThresholdCrossed.event_type, occurred_at__gt=now - REACH, tenant_id__in=tenant_ids
    ).order_by("occurred_at")
    by_tenant: dict[str, list[EventRecord]] = {}
    for event in crossings[:10_000]:
        by_tenant.setdefault(event.tenant_id, []).append(event)
    return by_tenant


@transaction.atomic
def _tell(address_id: uuid.UUID, events: Iterable[EventRecord]) -> int:
    """Of these events, those that this address has not been told of and wants to be; how many."""
    # Another run that is telling the same address has it locked: it will be done.
    held = NotificationAddress.objects.select_for_update(skip_locked=True, of=("self",))
    held = held.select_related("tenant", "webhook")
    address = held.filter(pk=address_id).first()
    if address is None:
        return 0
    told = set(BudgetNotice.objects.filter(address=address).values_list("event_id", flat=True))
    sent = 0
    for event in events:
        wanted = event.occurred_at >= address.created_at and event.payload["percent"] >= address.from_percent
        if wanted and event.event_id not in told and sent < _MOST_AT_ONCE:
            if not _send(address, address.tenant, event.payload, event.occurred_at):
                break
            BudgetNotice.objects.create(address=address, event_id=event.event_id)
            sent += 1
    return sent


def _send(
    address: NotificationAddress, tenant: Tenant, crossing: Mapping[str, Any], at: datetime, *, test: bool = False
) -> bool:
    zone = ZoneInfo(tenant.time_zone)
    ends = crossing.get("period_end_ms")
    about = {
        "test": test,
        "tenant": tenant,
        "budget": crossing["name"],
        "subject": _subject(tenant, str(crossing["level"]), str(crossing["subject"])),
        "percent": crossing["percent"],
        "spent": shown_usd(crossing["spent_nanousd"]),
        "limit": shown_usd(crossing["limit_nanousd"]),
        "window": crossing["window"],
        "used_up": crossing["percent"] >= 100,
        "action": crossing["action"],
        "at": f"{at.astimezone(zone):%-d %B %Y, %H:%M %Z}",
        "ends": f"{datetime.fromtimestamp(ends / 1000, UTC).astimezone(zone):%-d %B %Y, %H:%M %Z}" if ends else "",
        "link": f"{settings.PUBLIC_URL}{_page(tenant, str(crossing.get('budget_id', '')))}",
    }
    subject = " ".join(render_to_string("tenants/email/budget_subject.txt", about).split())
    if address.kind == NotificationAddress.Kind.SLACK:
        return slack.post(address, slack.budget_message(about, subject))
    body = render_to_string("tenants/email/budget_message.txt", about)
    try:
        EmailMultiAlternatives(subject, body, to=[address.email]).send()
    except (SMTPException, OSError):
        logger.exception("cannot send the notice of a budget of %s to %s", tenant.slug, address.email)
        return False
    return True


def _page(tenant: Tenant, budget_id: str) -> str:
    """Of the budget; of all budgets where it is gone."""
    known = uuids_in([budget_id])
    if known and Budget.objects.for_tenant(tenant).filter(pk__in=known).exists():
        return reverse("portal:budget", kwargs={"tenant": tenant.slug, "pk": budget_id})
    return reverse("portal:budgets", kwargs={"tenant": tenant.slug})


def _subject(tenant: Tenant, level: str, subject: str) -> str:
    """Whose budget it is, in words."""
    if level == "user":
        return f"end user {subject}"
    if level == "tenant":
        return tenant.name
    rows = Team.objects.for_tenant(tenant) if level == "team" else ApiKey.objects.for_tenant(tenant)
    name = rows.filter(pk=subject).values_list("name", flat=True).first()
    return f"{'team' if level == 'team' else 'API key'} {name or subject}"
