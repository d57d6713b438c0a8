"""Settings of a tenant: general, what is kept, notifications, erasure."""

from __future__ import annotations

import pytest
from django.core import mail

from tenants.audit import AuditEntry
from tenants.erased_users import ErasedEndUser, Erasure
from tenants.models import NotificationAddress, Tenant
from tenants.notifying import add_address
from tests.tenants.factories import make_tenant
from tests.tenants.pages.people import body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db

GENERAL = {"name": "Acme", "time_zone": "Asia/Tokyo", "default_route": "chat", "redis_outage": "fail_closed"}
DATA = {
    "payload_storage": "stored",
    "payload_retention_days": "7",
    "event_retention_days": "14",
    "ledger_retention_days": "",
}
PAGES = ("settings/general/", "settings/data/", "settings/notifications/new/")


@pytest.fixture
def tenant():
    return make_tenant(slug="acme", name="Acme", payload_storage="redacted")


@pytest.mark.parametrize("role", ["owner", "admin", "developer", "viewer", "billing"])
def test_every_member_sees_the_settings_and_some_may_change_them(tenant, role):
    body = body_of(client_of(member(tenant, role)).get("/t/acme/settings/"))

    may = role in ("owner", "admin")
    assert "Prompts and answers are kept redacted" in body
    assert ("/t/acme/settings/general/" in body) == may
    assert ("Find an end user" in body) == may


@pytest.mark.parametrize("path", PAGES)
def test_only_who_may_change_settings_opens_their_forms(tenant, path):
    assert client_of(member(tenant, "developer")).get(f"/t/acme/{path}").status_code == 403


def test_general_settings_are_changed_with_one_audit_entry(tenant, owner):
    owner.post("/t/acme/settings/general/", GENERAL)

    tenant.refresh_from_db()
    assert (tenant.time_zone, tenant.default_route, tenant.redis_outage) == ("Asia/Tokyo", "chat", "fail_closed")
    entry = AuditEntry.objects.filter(object_type="tenant", action="updated").get()
    assert entry.before == {"time_zone": "UTC", "default_route": "", "redis_outage": "fail_open"}


def test_members_change_neither_the_short_name_nor_the_state(tenant, owner):
    owner.post("/t/acme/settings/general/", {**GENERAL, "slug": "mine", "active": ""})

    assert Tenant.objects.get(slug="acme").active


@pytest.mark.parametrize(
    ("field", "value"),
    [("time_zone", "Mars/Olympus"), ("default_route", "not a route"), ("redis_outage", "maybe"), ("name", "")],
)
def test_general_settings_that_cannot_be_are_refused(tenant, owner, field, value):
    answer = owner.post("/t/acme/settings/general/", {**GENERAL, field: value})

    assert "mended" in body_of(answer)
    assert Tenant.objects.get(slug="acme").time_zone == "UTC"


def test_what_is_kept_is_changed(tenant, owner):
    owner.post("/t/acme/settings/data/", DATA)

    tenant.refresh_from_db()
    assert (tenant.payload_storage, tenant.payload_retention_days, tenant.ledger_retention_days) == ("stored", 7, None)
    body = body_of(owner.get("/t/acme/settings/"))
    assert "Prompts and answers are kept in full" in body
    assert "7 days" in body


@pytest.mark.parametrize(("field", "value"), [("payload_retention_days", "0"), ("event_retention_days", "31")])
def test_days_that_cannot_be_are_refused(tenant, owner, settings, field, value):
    settings.EVENT_RETENTION_DAYS = 30

    assert "mended" in body_of(owner.post("/t/acme/settings/data/", {**DATA, field: value}))


# --- notifications -------------------------------------------------------------------------------------


def test_an_address_is_added_changed_tested_and_removed(tenant, owner):
    owner.post("/t/acme/settings/notifications/new/", {"email": "ops@example.org", "from_percent": "80"})
    address = NotificationAddress.objects.for_tenant(tenant).get()
    assert "Thresholds from 80% on" in body_of(owner.get("/t/acme/settings/"))
    path = f"/t/acme/settings/notifications/{address.pk}/"
    owner.post(path, {"email": "ops@example.org", "from_percent": "100"})
    owner.post(f"{path}test/")
    owner.post(f"{path}delete/")

    assert mail.outbox[0].to == ["ops@example.org"]
    assert mail.outbox[0].subject.startswith("Test: Acme")
    assert not NotificationAddress.objects.for_tenant(tenant).exists()
    actions = AuditEntry.objects.filter(object_type="notificationaddress").order_by("id")
    assert [entry.action for entry in actions] == ["created", "updated", "deleted"]


@pytest.mark.parametrize(
    ("email", "told"), [("ops@example.org", "This address is told already."), ("nobody", "Enter a valid email")]
)
def test_addresses_that_cannot_be_are_refused(tenant, owner, email, told):
    add_address(tenant=tenant, email="ops@example.org")

    answer = owner.post("/t/acme/settings/notifications/new/", {"email": email, "from_percent": "1"})

    assert told in body_of(answer)


def test_addresses_of_other_tenants_are_out_of_reach(owner):
    theirs = add_address(tenant=make_tenant(), email="theirs@example.org")

    for action in ("", "delete/", "test/"):
        assert owner.post(f"/t/acme/settings/notifications/{theirs.pk}/{action}").status_code == 404


# --- erasure -------------------------------------------------------------------------------------------


def test_only_who_may_erase_finds_end_users(tenant):
    assert client_of(member(tenant, "developer")).get("/t/acme/settings/erasure/").status_code == 403


def test_an_end_user_without_calls_can_be_erased_by_the_exact_id(tenant, owner):
    body = body_of(owner.get("/t/acme/settings/erasure/?user=jane"))

    assert "erase exactly this id" in body
    assert "jane" in body_of(owner.get("/t/acme/settings/erasure/confirm/?user=jane"))


@pytest.mark.django_db(transaction=True)
def test_an_end_user_is_erased_only_by_the_id_once_more(tenant, owner):
    path = "/t/acme/settings/erasure/confirm/?user=jane"

    assert "This is not the id above." in body_of(owner.post(path, {"end_user": "Jane"}))
    assert not ErasedEndUser.objects.filter(tenant=tenant).exists()
    body = body_of(owner.post(path, {"end_user": "jane"}, follow=True))

    erased = ErasedEndUser.objects.get(tenant=tenant)
    assert erased.pseudonym in body
    assert AuditEntry.objects.get(action="erased").object_name == erased.pseudonym
    assert AuditEntry.objects.get(object_type="erasure").action == "created"
    request = Erasure.objects.get(tenant=tenant)
    assert (request.state, bytes(request.sealed)) == ("done", b"")
    assert "What arrives late" in body


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_fails_says_so_and_keeps_no_id(tenant, owner, monkeypatch):
    monkeypatch.setattr("events.retention.erase_user", lambda *_, **__: 1 / 0)

    body = body_of(owner.post("/t/acme/settings/erasure/confirm/?user=jane", {"end_user": "jane"}, follow=True))

    assert "The erasure failed" in body
    assert "ZeroDivisionError" in body
    assert bytes(Erasure.objects.get(tenant=tenant).sealed) == b""
    entries = AuditEntry.objects.filter(object_type="erasure").order_by("id")
    assert [entry.action for entry in entries] == ["created", "updated"]


def test_an_erasure_under_way_shows_how_far_it_is_and_is_nobody_else_s(tenant, owner):
    row = Erasure.objects.create(
        tenant=tenant, pseudonym="erased-1", requested_by="ann", state="running", step="runs", events=1200
    )

    body = body_of(owner.get(f"/t/acme/settings/erasure/{row.pk}/"))

    assert "1,200 changed" in body
    assert "going through them" in body
    other = make_tenant(slug="omega")
    assert client_of(member(other)).get(f"/t/omega/settings/erasure/{row.pk}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_end_users_are_found_by_the_beginning_of_their_id():
    from tests.isolation.planted import plant

    mine, theirs = plant("mine"), plant("theirs")

    body = body_of(client_of(mine.member).get(f"/t/{mine.tenant.slug}/settings/erasure/?user={mine.marker[:6]}"))

    assert f"{mine.marker}" in body
    assert theirs.marker not in body


def test_operators_find_the_way_to_the_console(tenant):
    assert "/console/tenants/acme/" in body_of(operator_client().get("/t/acme/settings/"))
    assert "/console/tenants/acme/" not in body_of(client_of(member(tenant)).get("/t/acme/settings/"))
