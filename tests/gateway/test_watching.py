"""Who may watch live events with a session."""

import time
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group

from events.live.authentication import EVERYTHING
from gateway.watching import watchable
from tenants import services
from tenants.signing_in.second_factor import SESSION_KEY
from tenants.signing_in.sessions import BEGAN, SEEN, session_counts
from tests.tenants.factories import make_tenant, make_user


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("role", "allowed"),
    [("owner", True), ("admin", True), ("developer", True), ("viewer", True), ("billing", False), ("", False)],
)
def test_members_watch_what_they_may_see(role, allowed):
    tenant, user = make_tenant(), make_user()
    if role:
        services.set_membership(user=user, tenant=tenant, role=role)

    found = str(tenant.pk) if allowed else ""
    assert async_to_sync(watchable)(user, str(tenant.pk)) == found
    assert async_to_sync(watchable)(user, tenant.slug) == found
    other = make_tenant()
    for foreign in (str(other.pk), other.slug, "no id", "", EVERYTHING):
        assert async_to_sync(watchable)(user, foreign) == ""


@pytest.mark.django_db(transaction=True)
def test_auditors_watch_every_tenant_and_everything():
    auditor = make_user(is_staff=True)
    auditor.groups.add(Group.objects.get(name="auditor"))

    tenant = make_tenant()
    assert async_to_sync(watchable)(auditor, tenant.slug) == str(tenant.pk)
    assert async_to_sync(watchable)(auditor, EVERYTHING) == EVERYTHING


@pytest.mark.django_db(transaction=True)
def test_who_is_disabled_watches_nothing():
    operator = make_user(is_staff=True, is_superuser=True, is_active=False)

    assert async_to_sync(watchable)(operator, make_tenant().slug) == ""
    assert async_to_sync(watchable)(operator, EVERYTHING) == ""


def session(**fields):
    now = int(time.time())
    return {BEGAN: now, SEEN: now, **fields}


@pytest.mark.parametrize(
    ("fields", "staff", "required", "counts"),
    [
        ({}, False, True, True),
        ({}, True, False, True),
        ({}, True, True, False),
        ({SESSION_KEY: True}, True, True, True),
        ({BEGAN: 0}, False, False, False),
        ({SEEN: 0}, False, False, False),
    ],
)
def test_a_session_counts_while_it_lasts_and_with_what_it_has_to_show(settings, fields, staff, required, counts):
    settings.REQUIRE_MFA_FOR_OPERATORS = required

    assert session_counts(session(**fields), SimpleNamespace(is_staff=staff, is_superuser=False)) is counts
