"""Mail about budgets that cross a threshold."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count

import pytest
from django.core import mail
from django.utils import timezone

from contracts.events import BudgetThresholdCrossed
from events.collector.database import conninfo
from events.collector.store import EventStore
from tenants.changes import save_row
from tenants.models import Budget, BudgetNotice
from tenants.notifying import add_address, tell_crossings
from tests.events.builders import batch, context, line
from tests.tenants.factories import make_team, make_tenant

pytestmark = pytest.mark.django_db(transaction=True)

_spools = count()


@pytest.fixture
def tenant():
    return make_tenant(slug="acme", name="Acme", time_zone="Europe/Berlin")


def cross(tenant, percent: int = 80, **fields) -> None:
    """The collector has stored that a budget reached this."""
    values = {
        "budget_id": "b",
        "name": "monthly",
        "level": "tenant",
        "subject": str(tenant.pk),
        "window": "month",
        "period_start_ms": 0,
        "period_end_ms": 1_798_758_000_000,
        "percent": percent,
        "spent_nanousd": percent * 10**9,
        "limit_nanousd": 100 * 10**9,
        "action": "block",
    }
    event = BudgetThresholdCrossed(**{**values, **fields})
    asyncio.run(_store(line(event, context(tenant_id=str(tenant.pk)))))


async def _store(stored: bytes) -> None:
    store = EventStore(conninfo(), retention=timedelta(days=30))
    await store.write([batch(stored + b"\n", spool_id=f"spool-{next(_spools)}")])
    await store.aclose()


def test_every_address_is_told_once(tenant):
    add_address(tenant=tenant, email="ops@example.org")
    add_address(tenant=tenant, email="cfo@example.org")
    cross(tenant)

    assert tell_crossings() == 2
    assert tell_crossings() == 0

    assert sorted(message.to[0] for message in mail.outbox) == ["cfo@example.org", "ops@example.org"]
    message = mail.outbox[0]
    assert message.subject == "Acme: budget “monthly” reached 80%"
    assert "$80 of $100 is spent in this month" in message.body
    assert "At 100% calls are refused." in message.body


def test_a_budget_that_is_used_up_says_what_happens_and_until_when(tenant):
    add_address(tenant=tenant, email="ops@example.org")
    cross(tenant, 100, level="team", subject=str(make_team(tenant, name="Search").pk))

    tell_crossings()

    assert mail.outbox[0].subject == "Acme: budget “monthly” is used up"
    assert "of team Search" in mail.outbox[0].body
    assert "Calls are refused until a new month begins on 1 January 2027, 00:00 CET." in mail.outbox[0].body


def test_an_address_is_told_from_its_percentage_on(tenant):
    add_address(tenant=tenant, email="ops@example.org", from_percent=100)
    cross(tenant, 80)
    cross(tenant, 100)

    assert tell_crossings() == 1
    assert "used up" in mail.outbox[0].subject


def test_other_tenants_budgets_are_not_told(tenant):
    add_address(tenant=tenant, email="ops@example.org")
    cross(make_tenant())

    assert tell_crossings() == 0


def test_what_was_before_the_address_and_what_is_long_past_is_not_told(tenant):
    cross(tenant)
    address = add_address(tenant=tenant, email="ops@example.org")
    assert tell_crossings(now=address.created_at) == 0

    cross(tenant, 100)

    assert tell_crossings(now=timezone.now() + timedelta(days=2)) == 0


def test_a_mail_that_could_not_be_sent_is_sent_later(tenant, settings):
    add_address(tenant=tenant, email="ops@example.org")
    cross(tenant)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    assert tell_crossings() == 0

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert tell_crossings() == 1
    assert BudgetNotice.objects.count() == 1


def test_the_mail_leads_to_the_budget_or_where_it_is_gone_to_all(tenant, settings):
    settings.PUBLIC_URL = "https://llm.example.org"
    add_address(tenant=tenant, email="ops@example.org")
    budget = save_row(Budget(tenant=tenant, name="monthly", level="tenant", window="month", limit_nanousd=10**11))
    cross(tenant, 80, budget_id=str(budget.pk))
    cross(tenant, 100)

    tell_crossings()

    assert f"https://llm.example.org/t/acme/budgets/{budget.pk}/\n" in mail.outbox[0].body
    assert "https://llm.example.org/t/acme/budgets/\n" in mail.outbox[1].body
