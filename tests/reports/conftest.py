"""What tests of reports share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from alerting.channel_services import create_channel
from alerting.models import Channel
from reports.models import ReportSchedule
from reports.services import create_report_schedule
from tenants.models import Tenant, User
from tenants.services import set_membership
from tests.controlplane.pages import traffic
from tests.tenants.factories import make_tenant, make_user


@pytest.fixture(autouse=True)
def _nothing_is_queued() -> Iterator[None]:
    with patch("reports.tasks.make_report.delay"), patch("reports.tasks.deliver.apply_async"):
        yield


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant(slug="acme", name="Acme", time_zone="Europe/Berlin")


@pytest.fixture
def ann(acme: Tenant) -> User:
    return make_member(acme, "ann", "owner")


def make_member(tenant: Tenant, name: str, role: str) -> User:
    user = make_user(username=name, email=f"{name}@example.org")
    set_membership(user=user, tenant=tenant, role=role)
    return user


@pytest.fixture
def mailbox(acme: Tenant) -> Channel:
    channel, _ = create_channel(tenant=acme, kind="email", name="On call", address="team@example.org")
    return channel


@pytest.fixture
def weekly(acme: Tenant, mailbox: Channel, ann: User) -> ReportSchedule:
    return make_schedule(acme, channels=[mailbox], users=[ann])


def make_schedule(tenant: Tenant | None, **fields: Any) -> ReportSchedule:
    values = {"name": "Week", "kind": "weekly", "every": "weekly", "weekday": 0, "hour": 7, **fields}
    return create_report_schedule(tenant=tenant, **values)


def two_weeks(tenant: Tenant, *, errors: int = 2, slower: int = 0, dearer: float = 1.0) -> None:
    """Calls at noon of each of the last 15 days as Berlin's calendar has them, in which reports here are made.

    The last seven have so many errors, and are slower and dearer.
    """
    now = timezone.now()
    noon = now.astimezone(ZoneInfo("Europe/Berlin")).replace(hour=12, minute=0, second=0, microsecond=0)
    for day in range(1, 16):
        recent = day <= 7
        # No two days are the same: nothing could be told of days that do not scatter.
        scatter = (day * 7) % 5
        number = 100 + scatter * 4
        traffic.calls(
            tenant,
            number,
            ago=now - noon + timedelta(days=day),
            errors=(errors if recent else 2) + scatter % 2,
            cost_nanousd=int(number * 20_000_000 * (dearer if recent else 1)),
            bucket=80 + (slower if recent else 0) + scatter % 2,
        )
