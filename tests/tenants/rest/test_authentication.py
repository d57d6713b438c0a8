"""Who may talk to the management API, and how they prove who they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants import service_keys
from tenants.audit import AuditEntry
from tenants.models import Membership, ServiceKey, Team
from tests.tenants.factories import make_operator, make_team, make_tenant, make_user
from tests.tenants.rest.callers import MANAGE, READ, caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

TEAMS = "/api/v1/teams"


def newest_key() -> ServiceKey:
    key = ServiceKey.objects.order_by("-id").first()
    assert isinstance(key, ServiceKey)
    return key


@pytest.mark.parametrize(
    "header", ["Basic dXNlcjpwdw==", "Bearer", "Bearer  ", "Bearer bws_unknown", "bws_bare", "Bearer " + "x" * 600]
)
def test_what_is_no_service_key_is_refused(header: str) -> None:
    response = APIClient().get(TEAMS, headers={"authorization": header})
    assert response.status_code == 401
    assert error_of(response)["code"] == "INVALID_API_KEY"
    assert response.headers["www-authenticate"] == 'Bearer realm="management"'


def test_a_revoked_key_is_refused_at_once() -> None:
    client = caller(make_tenant())
    assert client.get(TEAMS).status_code == 200
    service_keys.revoke_service_key(key=newest_key())
    assert client.get(TEAMS).status_code == 401


def test_an_expired_key_is_refused() -> None:
    client = caller(make_tenant(), expires_at=timezone.now() + timedelta(hours=1))
    assert client.get(TEAMS).status_code == 200
    ServiceKey.objects.filter(pk=newest_key().pk).update(expires_at=timezone.now())
    assert client.get(TEAMS).status_code == 401


def test_a_key_is_refused_from_addresses_it_does_not_allow(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ("127.0.0.1/32",)
    client = caller(make_tenant(), ip_allow=["203.0.113.0/24"])
    assert client.get(TEAMS, headers={"x-forwarded-for": "203.0.113.9"}).status_code == 200
    assert client.get(TEAMS, headers={"x-forwarded-for": "198.51.100.9"}).status_code == 401


def test_the_key_of_a_suspended_tenant_is_refused() -> None:
    assert caller(make_tenant(active=False)).get(TEAMS).status_code == 401


def test_a_data_planes_key_opens_nothing_here() -> None:
    from tenants import services

    _key, clear = services.create_key(tenant=make_tenant(), name="app")
    assert APIClient().get(TEAMS, headers={"authorization": f"Bearer {clear}"}).status_code == 401


def test_a_person_sees_the_tenants_of_their_memberships() -> None:
    mine, other = make_team(), make_team()
    user = make_user()
    Membership(user=user, tenant=mine.tenant, role="viewer").save()
    client = APIClient()
    client.force_login(user)
    assert [row["id"] for row in client.get(TEAMS).json()["data"]] == [str(mine.pk)]
    assert client.get(f"{TEAMS}/{other.pk}").status_code == 404
    assert client.patch(f"{TEAMS}/{mine.pk}", {"name": "Mine"}).status_code == 403


def test_a_person_without_any_tenant_may_nothing() -> None:
    client = APIClient()
    client.force_login(make_user())
    assert client.get(TEAMS).status_code == 403


def test_a_persons_changes_are_audited_under_their_name() -> None:
    team, user = make_team(), make_user()
    Membership(user=user, tenant=team.tenant, role="admin").save()
    client = APIClient()
    client.force_login(user)
    assert client.patch(f"{TEAMS}/{team.pk}", {"name": "Mine"}).status_code == 200
    entry = AuditEntry.objects.filter(object_id=str(team.pk)).order_by("-id").first()
    assert entry is not None
    assert (entry.actor, entry.action) == (user.username, "updated")


def test_a_session_changes_nothing_without_the_csrf_token() -> None:
    team = make_team()
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_operator())
    assert client.get(TEAMS).status_code == 200
    refused = client.patch(f"{TEAMS}/{team.pk}", {"name": "Stolen"})
    assert refused.status_code == 403
    assert "CSRF" in error_of(refused)["message"]
    team.refresh_from_db()
    assert team.name != "Stolen"


def test_an_operator_sees_everything_and_filters_by_tenant() -> None:
    one, two = make_team(), make_team()
    client = APIClient()
    client.force_login(make_operator())
    assert {row["id"] for row in client.get(TEAMS).json()["data"]} == {str(one.pk), str(two.pk)}
    filtered = client.get(TEAMS, {"tenant_id": str(two.tenant_id)}).json()["data"]
    assert [row["id"] for row in filtered] == [str(two.pk)]


def test_who_acts_for_one_tenant_need_not_name_it() -> None:
    tenant = make_tenant()
    made = caller(tenant).post(TEAMS, {"name": "Search"})
    assert made.status_code == 201
    assert made.json()["tenant_id"] == str(tenant.pk)
    assert Team.objects.for_tenant(tenant).count() == 1


def test_who_acts_for_several_names_one() -> None:
    response = caller().post(TEAMS, {"name": "Search"})
    assert response.status_code == 400
    assert error_of(response)["param"] == "tenant_id"


def test_a_reading_key_of_the_platform_changes_nothing() -> None:
    team = make_team()
    client = caller(None, READ)
    assert client.get(f"{TEAMS}/{team.pk}").status_code == 200
    assert client.delete(f"{TEAMS}/{team.pk}").status_code == 403


@pytest.mark.parametrize(("role", "status"), [("admin", 403), ("owner", 201)])
def test_owners_are_made_by_owners(role: str, status: int) -> None:
    tenant, user, other = make_tenant(), make_user(), make_user()
    Membership(user=user, tenant=tenant, role=role).save()
    client = APIClient()
    client.force_login(user)
    body = {"tenant_id": str(tenant.pk), "user": other.username, "role": "owner"}
    assert client.post("/api/v1/memberships", body).status_code == status


def test_a_tenants_key_makes_and_removes_no_owner() -> None:
    tenant, owner = make_tenant(), make_user()
    membership = Membership(user=owner, tenant=tenant, role="owner")
    membership.save()
    client = caller(tenant, MANAGE)
    address = f"/api/v1/memberships/{membership.pk}"
    assert client.delete(address).status_code == 403
    assert client.patch(address, {"role": "viewer"}).status_code == 403
    assert client.post("/api/v1/memberships", {"user": make_user().username, "role": "owner"}).status_code == 403
