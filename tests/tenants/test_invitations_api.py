"""Invitations over the management API: sent, seen, sent again and revoked by who manages members."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from events.engine.emitter import MemoryEmitter
from tenants import services
from tenants.audit import AuditEntry
from tenants.emitting import set_emitter
from tenants.models import Invitation, Membership, Tenant
from tests.tenants.factories import make_tenant, make_user
from tests.tenants.rest.callers import READ, caller, error_of
from tests.tenants.signing_in.people import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

INVITATIONS = "/api/v1/invitations"
GUEST = {"email": "grace@example.org", "role": "developer"}

OnCommit = Callable[..., Any]


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant(slug="acme", name="Acme")


def member(tenant: Tenant, role: str) -> APIClient:
    user = make_user()
    services.set_membership(user=user, tenant=tenant, role=role)
    client = APIClient()
    client.force_login(user)
    return client


def expire(invitation_id: str) -> None:
    Invitation._base_manager.filter(pk=invitation_id).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_an_invitation_is_sent_by_mail_with_a_link_that_leads_in(
    tenant: Tenant, mailoutbox: Any, django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made = caller(tenant).post(INVITATIONS, GUEST)
    assert made.status_code == 201
    assert made.json()["state"] == "open"
    assert made.headers["location"] == f"{INVITATIONS}/{made.json()['id']}"
    (mail,) = mailoutbox
    assert mail.to == ["grace@example.org"]
    link = re.search(r"http://testserver(/account/join/\S+/)\n", mail.body)
    assert link is not None
    assert link[1] not in made.content.decode()
    Client().post(link[1], {"username": "grace", "password": PASSWORD, "again": PASSWORD})
    assert Membership.objects.for_tenant(tenant).get().role == "developer"


def test_the_link_leads_to_the_installations_own_address(
    tenant: Tenant, mailoutbox: Any, settings: Any, django_capture_on_commit_callbacks: OnCommit
) -> None:
    settings.PUBLIC_URL = "https://console.example.com"
    with django_capture_on_commit_callbacks(execute=True):
        caller(tenant).post(INVITATIONS, GUEST)
    assert "https://console.example.com/account/join/" in mailoutbox[0].body


def test_every_step_is_audited_and_announced(tenant: Tenant, django_capture_on_commit_callbacks: OnCommit) -> None:
    emitter = MemoryEmitter()
    set_emitter(emitter)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            client = caller(tenant)
            made = client.post(INVITATIONS, GUEST).json()
            client.post(f"{INVITATIONS}/{made['id']}/resend", {})
            client.post(f"{INVITATIONS}/{made['id']}/revoke", {})
    finally:
        set_emitter(None)
    entries = AuditEntry.objects.filter(object_type="invitation", object_id=made["id"]).order_by("id")
    assert [entry.action for entry in entries] == ["invited", "invited", "revoked"]
    assert all(entry.actor.startswith("service-key:test") for entry in entries)
    assert {entry.tenant_ref for entry in entries} == {str(tenant.pk)}
    told = [event for event in emitter.of_type("config.object.changed") if event.object_id == made["id"]]  # type: ignore[attr-defined]
    assert len(told) == 3


def test_an_expired_invitation_holds_again_when_it_is_sent_again(
    tenant: Tenant, mailoutbox: Any, django_capture_on_commit_callbacks: OnCommit
) -> None:
    client = caller(tenant)
    made = client.post(INVITATIONS, GUEST).json()
    expire(made["id"])
    assert client.get(f"{INVITATIONS}/{made['id']}").json()["state"] == "expired"
    with django_capture_on_commit_callbacks(execute=True):
        again = client.post(f"{INVITATIONS}/{made['id']}/resend", {})
    assert (again.status_code, again.json()["state"]) == (200, "open")
    assert [mail.to for mail in mailoutbox] == [["grace@example.org"]]


def test_a_revoked_invitation_stays_revoked_and_is_not_sent_again(tenant: Tenant) -> None:
    client = caller(tenant)
    made = client.post(INVITATIONS, GUEST).json()
    first = client.post(f"{INVITATIONS}/{made['id']}/revoke", {}).json()
    assert first["state"] == "withdrawn"
    assert client.post(f"{INVITATIONS}/{made['id']}/revoke", {}).json()["withdrawn_at"] == first["withdrawn_at"]
    assert client.post(f"{INVITATIONS}/{made['id']}/resend", {}).status_code == 400


def test_a_new_invitation_replaces_the_open_one(tenant: Tenant) -> None:
    client = caller(tenant)
    first = client.post(INVITATIONS, GUEST).json()
    second = client.post(INVITATIONS, {**GUEST, "email": "Grace@Example.org", "role": "viewer"}).json()
    assert client.get(f"{INVITATIONS}/{first['id']}").json()["state"] == "withdrawn"
    opened = client.get(f"{INVITATIONS}?state=open").json()["data"]
    assert [invitation["id"] for invitation in opened] == [second["id"]]


@pytest.mark.parametrize("state", ["open", "accepted", "withdrawn", "expired"])
def test_invitations_are_found_by_their_state(tenant: Tenant, state: str) -> None:
    client = caller(tenant)
    made = {name: client.post(INVITATIONS, {**GUEST, "email": f"{name}@example.org"}).json() for name in "abcd"}
    expire(made["d"]["id"])
    client.post(f"{INVITATIONS}/{made['c']['id']}/revoke", {})
    Invitation._base_manager.filter(pk=made["b"]["id"]).update(accepted_at=timezone.now())
    found = client.get(f"{INVITATIONS}?state={state}").json()["data"]
    assert [invitation["state"] for invitation in found] == [state]


@pytest.mark.parametrize(("role", "status"), [("owner", 201), ("admin", 201), ("developer", 403), ("billing", 403)])
def test_who_manages_members_invites(tenant: Tenant, role: str, status: int) -> None:
    client = member(tenant, role)
    assert client.post(INVITATIONS, GUEST, format="json").status_code == status
    assert client.get(INVITATIONS).status_code == (200 if status == 201 else 403)


@pytest.mark.parametrize("role", ["developer", "viewer"])
def test_others_see_no_address_that_was_invited(tenant: Tenant, role: str) -> None:
    made = caller(tenant).post(INVITATIONS, GUEST).json()
    for client in (member(tenant, role), caller(tenant, READ)):
        assert client.get(f"{INVITATIONS}/{made['id']}").status_code in (403, 404)
        assert "grace" not in client.get(INVITATIONS).content.decode()


def test_owners_are_invited_by_owners(tenant: Tenant) -> None:
    owner = {**GUEST, "role": "owner"}
    refused = member(tenant, "admin").post(INVITATIONS, owner, format="json")
    assert refused.status_code == 403
    made = member(tenant, "owner").post(INVITATIONS, owner, format="json")
    assert made.status_code == 201
    address = f"{INVITATIONS}/{made.json()['id']}"
    assert caller(tenant).post(f"{address}/resend", {}).status_code == 403
    assert caller().post(f"{address}/resend", {}).status_code == 200


def test_another_tenants_invitation_is_as_unknown_as_none(tenant: Tenant) -> None:
    made = caller(tenant).post(INVITATIONS, GUEST).json()
    stranger = caller(make_tenant())
    for ask in (
        stranger.get(f"{INVITATIONS}/{made['id']}"),
        stranger.post(f"{INVITATIONS}/{made['id']}/resend", {}),
        stranger.post(f"{INVITATIONS}/{made['id']}/revoke", {}),
    ):
        assert ask.status_code == 404
    assert stranger.post(INVITATIONS, {**GUEST, "tenant_id": str(tenant.pk)}).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"email": "nobody"}, "email"),
        ({"role": "emperor"}, "role"),
        ({"email": None}, "email"),
        ({"role": None}, "role"),
    ],
)
def test_what_is_not_valid_is_refused_by_name(tenant: Tenant, wrong: dict[str, Any], param: str) -> None:
    response = caller(tenant).post(INVITATIONS, {name: value for name, value in {**GUEST, **wrong}.items() if value})
    assert response.status_code == 400
    assert error_of(response)["param"] == param


def test_a_member_is_not_invited(tenant: Tenant) -> None:
    services.set_membership(user=make_user(email="grace@example.org"), tenant=tenant, role="viewer")
    response = caller(tenant).post(INVITATIONS, GUEST)
    assert (response.status_code, error_of(response)["param"]) == (400, "email")


def test_the_same_request_sends_one_mail(
    tenant: Tenant, mailoutbox: Any, django_capture_on_commit_callbacks: OnCommit
) -> None:
    client = caller(tenant)
    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(INVITATIONS, GUEST, headers={"idempotency-key": "once"})
        again = client.post(INVITATIONS, GUEST, headers={"idempotency-key": "once"})
    assert first.json() == again.json()
    assert len(mailoutbox) == 1
