"""The admin as an operator uses it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from tenants import services
from tenants.audit import AuditEntry
from tenants.keys import key_hash
from tenants.models import ApiKey, Membership, RateLimit, Team, Tenant, User
from tests.tenants.factories import make_key, make_operator, make_team, make_tenant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return make_operator(username="operator")


@pytest.fixture
def browser(client, operator):
    client.force_login(operator)
    return client


def url(model: str, page: str = "changelist", *args) -> str:
    return reverse(f"admin:tenants_{model}_{page}", args=args)


def inline(prefix: str, rows: list[dict] | None = None, initial: int = 0) -> dict:
    """The form fields of one inline formset."""
    rows = rows or []
    fields = {
        f"{prefix}-TOTAL_FORMS": len(rows),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for number, row in enumerate(rows):
        fields |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return fields


def newest() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


def tenant_form(**changes) -> dict:
    return {
        "slug": "acme",
        "name": "Acme",
        "active": "on",
        "time_zone": "Europe/Berlin",
        "default_route": "",
        "payload_storage": "none",
        "redis_outage": "fail_open",
        **inline("teams"),
        **inline("keys"),
        **inline("rate_limits"),
        **inline("memberships"),
        **changes,
    }


def key_form(tenant: Tenant, **changes) -> dict:
    return {
        "tenant": str(tenant.pk),
        "team": "",
        "name": "checkout",
        "scopes": ["chat", "models"],
        "allowed_routes": "fast\n\nslow\n",
        "allowed_models": "",
        "ip_allow": "10.0.0.0/8",
        "expires_at_0": "",
        "expires_at_1": "",
        **inline("rate_limits"),
        **changes,
    }


def furnished() -> dict[str, Any]:
    """One row of every kind with a page."""
    tenant = make_tenant()
    team = make_team(tenant)
    key = make_key(tenant, team=team)
    make_key(tenant, expires_at=timezone.now() - timedelta(days=1))
    services.revoke_key(key=make_key(tenant))
    limit = services.set_rate_limit(tenant=tenant, level="key", key=key, metric="tokens", value=9)
    user = make_user()
    services.set_membership(user=user, tenant=tenant, role="owner")
    return {"tenant": tenant, "team": team, "apikey": key, "ratelimit": limit, "user": user}


MODELS = ("tenant", "team", "apikey", "ratelimit", "user")


@pytest.mark.parametrize("model", [*MODELS, "auditentry"])
def test_every_list_renders_and_searches(browser, model):
    furnished()

    assert browser.get(url(model)).status_code == 200
    assert browser.get(url(model), {"q": "tenant"}).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_every_add_page_renders(browser, model):
    assert browser.get(url(model, "add")).status_code == 200


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_every_page_of_a_row_renders(browser, model, page):
    row = furnished()[model]

    assert browser.get(url(model, page, row.pk)).status_code == 200


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("tenant", {"active__exact": "1"}),
        ("tenant", {"payload_storage__exact": "none"}),
        ("apikey", {"state": "active"}),
        ("apikey", {"state": "expired"}),
        ("apikey", {"state": "revoked"}),
        ("ratelimit", {"level__exact": "key"}),
        ("ratelimit", {"metric__exact": "tokens"}),
        ("auditentry", {"action__exact": "created"}),
        ("auditentry", {"object_type": "tenant"}),
        ("user", {"is_active__exact": "1"}),
    ],
)
def test_every_filter_finds_something(browser, model, query):
    furnished()

    page = browser.get(url(model), query)

    assert page.status_code == 200
    assert page.context["cl"].result_count > 0


def test_keys_are_filtered_by_state(browser):
    furnished()

    for state in ("active", "expired", "revoked"):
        rows = browser.get(url("apikey"), {"state": state}).context["cl"].result_list
        assert {key.state() for key in rows} == {state}


def test_keys_are_filtered_by_tenant(browser):
    key, _other = make_key(), make_key()

    rows = browser.get(url("apikey"), {"tenant__id__exact": str(key.tenant_id)}).context["cl"].result_list

    assert [row.pk for row in rows] == [key.pk]


def test_a_tenant_is_created_with_teams_limits_and_members_in_one_form(browser):
    member = make_user()
    form = tenant_form(
        **inline("teams", [{"name": "Search"}]),
        **inline("rate_limits", [{"level": "tenant", "metric": "requests", "value": 100, "window_s": 60}]),
        **inline("memberships", [{"user": member.pk, "role": "owner"}]),
    )

    answer = browser.post(url("tenant", "add"), form, REMOTE_ADDR="192.0.2.8")

    assert answer.status_code == 302, answer.context["errors"]
    tenant = Tenant.objects.get(slug="acme")
    assert [team.name for team in Team.objects.for_tenant(tenant)] == ["Search"]
    assert [limit.value for limit in RateLimit.objects.for_tenant(tenant)] == [100]
    assert [row.user for row in Membership.objects.for_tenant(tenant)] == [member]
    entries = AuditEntry.objects.filter(tenant_ref=str(tenant.pk))
    assert {entry.object_type for entry in entries} == {"tenant", "team", "ratelimit", "membership"}
    assert {(entry.actor, entry.source_ip) for entry in entries} == {("operator", "192.0.2.8")}


def test_a_tenants_change_and_a_removed_limit_are_audited(browser):
    tenant = services.create_tenant(slug="acme", name="Acme", time_zone="Europe/Berlin")
    limit = services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=5)
    row = {"id": limit.pk, "level": "tenant", "metric": "requests", "value": 5, "window_s": 60, "DELETE": "on"}
    form = tenant_form(name="Acme SE", **inline("rate_limits", [row], initial=1))

    answer = browser.post(url("tenant", "change", tenant.pk), form)

    assert answer.status_code == 302, answer.context["errors"]
    entries = AuditEntry.objects.filter(actor="operator").exclude(object_type="session")
    actions = [(entry.object_type, entry.action) for entry in entries]
    assert actions == [("ratelimit", "deleted"), ("tenant", "updated")]
    assert not RateLimit.objects.exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"slug": "Not A Slug"}, "Write lower-case letters"),
        ({"time_zone": "Mars/Olympus"}, "IANA time zone"),
        (inline("rate_limits", [{"level": "tenant", "metric": "tokens", "value": 0, "window_s": 60}]), "at least 1"),
        (
            inline("rate_limits", [{"level": "tenant", "metric": "concurrency", "value": 5, "window_s": 60}]),
            "take a window of 0",
        ),
    ],
)
def test_what_is_not_valid_comes_back_with_the_reason(browser, changes, problem):
    answer = browser.post(url("tenant", "add"), tenant_form(**changes))

    assert answer.status_code == 200
    assert problem in answer.content.decode()
    assert not Tenant.objects.exists()


def test_tenants_are_suspended_and_resumed_from_the_list(browser):
    tenant = make_tenant()
    for action, active in (("suspend", False), ("resume", True)):
        browser.post(url("tenant"), {"action": action, "_selected_action": [str(tenant.pk)]})
        assert Tenant.objects.get(pk=tenant.pk).active is active

    assert AuditEntry.objects.filter(actor="operator", object_type="tenant").count() == 2


def issued_key(answer) -> str:
    found = re.search(r'id="issued-key"[^>]* value="([^"]+)"', answer.content.decode(), re.DOTALL)
    assert found is not None, "no key is shown"
    return found[1]


def test_a_created_key_is_shown_in_the_answer_and_never_again(browser):
    answer = browser.post(url("apikey", "add"), key_form(make_tenant()))

    clear = issued_key(answer)
    key = ApiKey.objects.get()
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert key.key_hash == key_hash(clear)
    assert (key.allowed_routes, key.ip_allow, key.scopes) == (["fast", "slow"], ["10.0.0.0/8"], ["chat", "models"])
    assert key.created_by == "operator"
    for page in (url("apikey"), url("apikey", "change", key.pk), url("apikey", "history", key.pk), url("auditentry")):
        shown = browser.get(page).content.decode()
        assert clear not in shown
        assert key.key_hash not in shown


def test_a_key_is_created_with_its_limits(browser):
    limits = inline("rate_limits", [{"metric": "requests", "value": 7, "window_s": 60}])

    answer = browser.post(url("apikey", "add"), key_form(make_tenant(), **limits))

    assert not answer.context.get("errors")
    assert issued_key(answer)
    limit = RateLimit.objects.get()
    assert (limit.level, limit.key, limit.tenant) == ("key", ApiKey.objects.get(), ApiKey.objects.get().tenant)


def test_a_teams_page_adds_limits_of_the_team(browser):
    team = make_team()
    form = {
        "name": team.name,
        **inline("rate_limits", [{"metric": "tokens", "value": 7, "window_s": 60}]),
        **inline("keys"),
    }

    answer = browser.post(url("team", "change", team.pk), form)

    assert answer.status_code == 302, answer.context["errors"]
    limit = RateLimit.objects.get()
    assert (limit.level, limit.team, limit.tenant) == ("team", team, team.tenant)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"scopes": []}, "at least one scope"),
        ({"ip_allow": "10.0.0.1/8"}, "no address block"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "in the past"),
        (
            inline("rate_limits", [{"metric": "tokens", "value": 1, "window_s": 0}]),
            "take a window of 0",
        ),
    ],
)
def test_a_key_that_is_not_valid_is_not_issued(browser, changes, problem):
    answer = browser.post(url("apikey", "add"), key_form(make_tenant(), **changes))

    assert problem in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_of_another_tenants_team_is_refused(browser):
    answer = browser.post(url("apikey", "add"), key_form(make_tenant(), team=str(make_team().pk)))

    assert "belongs to another tenant" in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_an_edited_key_stays_the_same_key(browser):
    key = make_key()
    form = key_form(key.tenant, name="renamed")

    answer = browser.post(url("apikey", "change", key.pk), form)

    assert answer.status_code == 302, answer.context["errors"]
    stored = ApiKey.objects.get()
    assert (stored.name, stored.key_hash) == ("renamed", key.key_hash)


def test_revoking_asks_first(browser):
    key = make_key()
    address = reverse("admin:tenants_apikey_revoke", args=(key.pk,))

    assert "Revoke key" in browser.get(address).content.decode()
    assert ApiKey.objects.get().revoked_at is None
    assert browser.post(address).status_code == 302

    assert ApiKey.objects.get().state() == "revoked"
    assert newest().action == "revoked"


def test_keys_are_revoked_from_the_list(browser):
    keys = [make_key(), make_key()]

    browser.post(url("apikey"), {"action": "revoke_selected", "_selected_action": [str(key.pk) for key in keys]})

    assert {key.state() for key in ApiKey.objects.all()} == {"revoked"}


def test_rotating_asks_for_the_overlap_and_shows_the_successor_once(browser):
    key = make_key()
    address = reverse("admin:tenants_apikey_rotate", args=(key.pk,))
    asked = " ".join(browser.get(address).content.decode().split())
    assert re.search(r'<button type="submit"[^>]*> Rotate </button>', asked)

    answer = browser.post(address, {"overlap_hours": 2})

    successor = ApiKey.objects.get(key_hash=key_hash(issued_key(answer)))
    assert successor.pk != key.pk
    key.refresh_from_db()
    assert key.expires_at is not None
    assert timedelta(hours=1) < key.expires_at - timezone.now() <= timedelta(hours=2)


def test_a_bad_overlap_is_told_and_nothing_happens(browser):
    key = make_key()

    answer = browser.post(reverse("admin:tenants_apikey_rotate", args=(key.pk,)), {"overlap_hours": -1})

    assert "greater than or equal to 0" in answer.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_revoked_key_cannot_be_rotated(browser):
    key = services.revoke_key(key=make_key())

    answer = browser.post(reverse("admin:tenants_apikey_rotate", args=(key.pk,)), {"overlap_hours": 1}, follow=True)

    assert "cannot be rotated" in answer.content.decode()
    assert ApiKey.objects.count() == 1


def test_staff_without_the_permission_can_neither_rotate_nor_revoke(client):
    client.force_login(make_user(is_staff=True))
    key = make_key()

    for action in ("rotate", "revoke"):
        address = reverse(f"admin:tenants_apikey_{action}", args=(key.pk,))
        assert client.post(address, {"overlap_hours": 1}).status_code == 403
    assert ApiKey.objects.get().state() == "active"


def test_deleting_through_the_admin_is_audited(browser):
    team = make_team()

    browser.post(url("team", "delete", team.pk), {"post": "yes"})

    assert not Team.objects.exists()
    assert (newest().action, newest().actor) == ("deleted", "operator")


def test_the_audit_log_can_be_read_and_not_changed(browser):
    make_tenant(slug="acme")
    entry = newest()

    page = browser.get(url("auditentry", "change", entry.pk))

    assert "acme" in page.content.decode()
    assert browser.get(url("auditentry", "add")).status_code == 403
    assert browser.post(url("auditentry", "change", entry.pk), {"actor": "nobody"}).status_code == 403
    assert browser.post(url("auditentry", "delete", entry.pk), {"post": "yes"}).status_code == 403


def test_the_audit_log_is_searched_by_tenant(browser):
    tenant = make_tenant(slug="acme")
    make_team(tenant, name="Search")
    make_team(name="Elsewhere")

    rows = browser.get(url("auditentry"), {"q": "acme"}).context["cl"].result_list

    assert [row.object_name for row in rows] == ["Search", "acme"]


def test_what_was_written_into_a_name_is_shown_as_text(browser):
    tenant = make_tenant(name="<script>alert(1)</script>")
    entry = newest()

    for page in (url("auditentry", "change", entry.pk), url("tenant", "change", tenant.pk), url("tenant")):
        assert "<script>alert(1)" not in browser.get(page).content.decode()


def test_a_new_user_is_audited_without_password(browser):
    password = "a long enough passphrase"
    form = {"username": "ada", "email": "ada@example.org", "password1": password, "password2": password}

    answer = browser.post(url("user", "add"), {**form, "usable_password": "true"})

    assert answer.status_code == 302, answer.context["errors"]
    assert User.objects.get(username="ada").check_password(password)
    entry = newest()
    assert (entry.action, entry.object_type, entry.object_name, entry.actor) == ("created", "user", "ada", "operator")
    assert "password" not in entry.after


def user_form(user: User, **changes) -> dict:
    return {
        "username": user.username,
        "email": user.email,
        "is_active": "on",
        **inline("memberships"),
        **changes,
    }


def test_becoming_a_superuser_and_joining_a_group_are_audited(browser):
    user, group = make_user(), Group.objects.create(name="auditors")

    answer = browser.post(
        url("user", "change", user.pk), user_form(user, is_superuser="on", is_staff="on", groups=[group.pk])
    )

    assert answer.status_code == 302, answer.context["errors"]
    after: dict[str, Any] = {}
    for entry in AuditEntry.objects.filter(object_type="user"):
        after |= entry.after
    assert after == {"is_superuser": True, "is_staff": True, "groups": ["auditors"]}


def test_a_password_set_by_an_operator_is_audited_but_not_kept(browser):
    user = make_user()
    password = "another long passphrase"

    answer = browser.post(
        reverse("admin:auth_user_password_change", args=(user.pk,)),
        {"password1": password, "password2": password, "usable_password": "true"},
    )

    assert answer.status_code == 302, answer.context["errors"]
    user.refresh_from_db()
    assert user.check_password(password)
    assert newest().after == {"password": "set again"}


def test_a_membership_is_given_on_the_users_page(browser):
    user, tenant = make_user(), make_tenant()
    form = user_form(user, **inline("memberships", [{"tenant": str(tenant.pk), "role": "admin"}]))

    answer = browser.post(url("user", "change", user.pk), form)

    assert answer.status_code == 302, answer.context["errors"]
    assert Membership.objects.get().role == "admin"
    assert AuditEntry.objects.filter(object_type="membership", actor="operator").exists()


def test_deleting_a_user_is_audited(browser):
    user = make_user(username="gone")

    browser.post(url("user", "delete", user.pk), {"post": "yes"})

    assert not User.objects.filter(username="gone").exists()
    assert (newest().action, newest().object_name) == ("deleted", "gone")


def test_a_groups_permissions_are_audited(browser):
    permission = Permission.objects.get(codename="view_apikey")
    browser.post(reverse("admin:auth_group_add"), {"name": "readers", "permissions": []})
    group = Group.objects.get(name="readers")
    browser.post(
        reverse("admin:auth_group_change", args=(group.pk,)), {"name": "readers", "permissions": [permission.pk]}
    )
    browser.post(reverse("admin:auth_group_delete", args=(group.pk,)), {"post": "yes"})

    entries = list(AuditEntry.objects.filter(object_type="group"))
    assert [entry.action for entry in entries] == ["deleted", "updated", "created"]
    assert entries[1].after == {"permissions": [str(permission)]}


def test_two_users_cannot_share_an_address(browser):
    make_user(email="ada@example.org")
    password = "a long enough passphrase"
    form = {"username": "ada2", "email": "ADA@example.org", "password1": password, "password2": password}

    answer = browser.post(url("user", "add"), {**form, "usable_password": "true"})

    assert "this e-mail address already" in answer.content.decode()
