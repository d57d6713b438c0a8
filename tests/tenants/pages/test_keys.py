"""Pages of API keys and service keys."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants import service_keys, services
from tenants.audit import AuditEntry
from tenants.keys import key_hash
from tenants.models import ApiKey, Budget, RateLimit, ServiceKey
from tenants.playground_keys import clear_playground_key
from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_key, make_operator, make_team, make_tenant
from tests.tenants.pages.people import auditor_client, body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db


def new_key_form(**fields):
    return {"name": "checkout", "scopes": ["chat"], "expires": "never", "budget_action": "block", **fields}


def clear_key_in(body: str) -> str:
    found = re.search(r"bws?_[a-z0-9]{8}_[\w-]{43}", body)
    assert found, body[:500]
    return found[0]


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("admin", 200), ("developer", 200), ("viewer", 403), ("billing", 403)]
)
def test_who_manages_keys_creates_them(tenant, role, status):
    client = client_of(member(tenant, role))

    assert client.get("/t/acme/keys/").status_code == 200
    assert client.get("/t/acme/keys/new/").status_code == status


def test_a_new_key_is_shown_once_with_a_call_to_try(owner, tenant):
    answer = owner.post("/t/acme/keys/new/", new_key_form(ip_allow="10.0.0.0/8, 192.0.2.7", expires="30d"))

    clear, key = clear_key_in(body_of(answer)), ApiKey.objects.get(tenant=tenant)
    assert key.key_hash == key_hash(clear)
    assert (key.ip_allow, key.scopes) == (["10.0.0.0/8", "192.0.2.7"], ["chat"])
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)
    assert f"Bearer {clear}" in body_of(answer).replace("&quot;", '"')
    assert answer.headers["Cache-Control"] == "no-store"
    assert clear not in body_of(owner.get(f"/t/acme/keys/{key.pk}/"))


def test_a_new_key_may_have_limits_and_a_budget_of_its_own(owner, tenant):
    owner.post("/t/acme/keys/new/", new_key_form(requests_per_minute="60", calls_at_a_time="4", budget="12.50"))

    key = ApiKey.objects.get(tenant=tenant)
    limits = RateLimit.objects.filter(key=key).values_list("metric", "value", "window_s")
    assert sorted(limits) == [("concurrency", 4, 0), ("requests", 60, 60)]
    assert Budget.objects.get(key=key).limit_nanousd == 12_500_000_000


def test_nothing_is_made_when_a_part_of_the_form_is_wrong(owner, tenant):
    answer = owner.post("/t/acme/keys/new/", new_key_form(ip_allow="nowhere", requests_per_minute="60"))

    assert answer.status_code == 200
    assert "no address block" in body_of(answer)
    assert not ApiKey.objects.filter(tenant=tenant).exists()
    assert not RateLimit.objects.filter(tenant=tenant).exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scopes": []}, "Choose at least one."),
        ({"name": ""}, "This field is required."),
        ({"expires": "at"}, "Say when the key expires."),
        ({"expires": "at", "expires_at": "2020-01-01T10:00"}, "This is in the past"),
        ({"budget": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(owner, fields, words):
    assert words in body_of(owner.post("/t/acme/keys/new/", new_key_form(**fields)))


def test_developers_set_no_limits_and_budgets_with_a_key(tenant):
    client = client_of(member(tenant, "developer"))

    client.post("/t/acme/keys/new/", new_key_form(requests_per_minute="60", budget="5"))

    assert ApiKey.objects.filter(tenant=tenant).count() == 1
    assert not RateLimit.objects.filter(tenant=tenant).exists()
    assert not Budget.objects.filter(tenant=tenant).exists()


def test_the_team_of_another_tenant_is_no_choice(owner):
    theirs = make_team(make_tenant(), name="Theirs")

    assert "Select a valid choice" in body_of(owner.post("/t/acme/keys/new/", new_key_form(team=str(theirs.pk))))


@pytest.mark.parametrize("page", ["", "edit/", "rotate/", "revoke/"])
def test_the_keys_of_other_tenants_are_not_there(owner, page):
    theirs, service = make_key(), service_keys.create_service_key(name="x", tenant=make_tenant())[0]

    assert owner.get(f"/t/acme/keys/{theirs.pk}/{page}").status_code == 404
    assert owner.post(f"/t/acme/keys/{theirs.pk}/{page or 'edit/'}", {"typed": theirs.name}).status_code == 404
    assert owner.get(f"/t/acme/service-keys/{service.pk}/{page}").status_code == 404
    theirs.refresh_from_db()
    assert theirs.state() == "active"


def test_the_list_is_searched_filtered_and_sorted(owner, tenant):
    team = make_team(tenant, name="Search")
    make_key(tenant, name="crawler", team=team)
    services.revoke_key(key=make_key(tenant, name="old importer"))
    make_key(name="Somebody else's")

    def names(query: str) -> list[str]:
        body = body_of(owner.get(f"/t/acme/keys/?{query}"))
        return [name for name in ("crawler", "old importer", "Somebody else's") if f"{name}<span" in body]

    assert names("") == ["crawler", "old importer"]
    assert names("q=craw") == ["crawler"]
    assert names("state=revoked") == ["old importer"]
    assert names(f"team={team.pk}") == ["crawler"]
    assert names("unused=never&state=active") == ["crawler"]
    assert names("sort=-spend") == ["crawler", "old importer"]


def test_the_list_takes_as_many_queries_for_many_keys(owner, tenant):
    make_key(tenant, team=make_team(tenant))
    with CaptureQueriesContext(
        connection,
    ) as few:
        owner.get("/t/acme/keys/")
    for _ in range(8):
        make_key(tenant, team=make_team(tenant))
    with CaptureQueriesContext(connection) as many:
        owner.get("/t/acme/keys/")

    assert len(many) == len(few) <= 26


def test_viewers_see_no_costs(tenant):
    make_key(tenant)

    assert "Spent this month" not in body_of(client_of(member(tenant, "viewer")).get("/t/acme/keys/"))
    assert "Spent this month" in body_of(client_of(member(tenant, "billing")).get("/t/acme/keys/"))


def test_rotating_shows_the_new_key_and_counts_the_old_one_down(owner, tenant):
    key = make_key(tenant, name="checkout")

    answer = owner.post(f"/t/acme/keys/{key.pk}/rotate/", {"overlap": "168"})

    clear_key_in(body_of(answer))
    key.refresh_from_db()
    assert key.expires_at is not None
    assert timedelta(days=6) < key.expires_at - timezone.now() < timedelta(days=8)
    assert "This key ends" in body_of(owner.get(f"/t/acme/keys/{key.pk}/"))
    assert "The key before it works until" in body_of(owner.get(f"/t/acme/keys/{key.successor.pk}/"))


def test_a_key_that_was_replaced_is_not_rotated_again(owner, tenant):
    key = make_key(tenant)
    services.rotate_key(key=key)

    assert "has a successor already" in body_of(owner.post(f"/t/acme/keys/{key.pk}/rotate/", {"overlap": "1"}))


def test_revoking_asks_for_the_name(owner, tenant):
    key = make_key(tenant, name="checkout")

    refused = owner.post(f"/t/acme/keys/{key.pk}/revoke/", {"typed": "Checkout"})
    key.refresh_from_db()
    assert "This is not the name." in body_of(refused)
    assert key.revoked_at is None

    owner.post(f"/t/acme/keys/{key.pk}/revoke/", {"typed": "checkout"})
    key.refresh_from_db()
    assert key.state() == "revoked"
    assert AuditEntry.objects.filter(object_id=str(key.pk), action="revoked").exists()


def test_a_key_is_edited_without_its_secret(owner, tenant):
    key = make_key(tenant, name="checkout", ip_allow=["10.0.0.0/8"])
    before = key.key_hash

    body = body_of(owner.get(f"/t/acme/keys/{key.pk}/edit/"))
    owner.post(f"/t/acme/keys/{key.pk}/edit/", {"name": "payments", "scopes": ["chat", "runs"], "expires": "never"})

    key.refresh_from_db()
    assert "10.0.0.0/8" in body
    assert (key.name, key.scopes, key.ip_allow, key.key_hash) == ("payments", ["chat", "runs"], [], before)
    assert "payments" in body_of(owner.get(f"/t/acme/keys/{key.pk}/?tab=history"))


@pytest.mark.parametrize("tab", ["overview", "requests", "limits", "history"])
def test_each_part_of_the_keys_page_is_shown(owner, tenant, tab):
    key = make_key(tenant, team=make_team(tenant))
    services.set_rate_limit(tenant=tenant, level="key", key=key, metric="requests", value=77)
    services.set_budget(tenant=tenant, name="monthly", limit_nanousd=10**9, level="team", team=key.team)

    answer = owner.get(f"/t/acme/keys/{key.pk}/?tab={tab}")

    assert answer.status_code == 200
    if tab == "limits":
        assert "77 requests per minute" in body_of(answer).replace("\n", "")
        assert "monthly" in body_of(answer)


def test_auditors_look_at_all_keys_and_change_none(tenant):
    key, client = make_key(tenant, name="checkout"), auditor_client()

    assert "checkout" in body_of(client.get("/console/keys/"))
    assert "Revoke" not in body_of(client.get(f"/console/keys/{key.pk}/"))
    assert client.post(f"/console/keys/{key.pk}/revoke/", {"typed": "checkout"}).status_code == 403
    assert client.get("/console/keys/new/").status_code == 403


def test_on_the_platform_a_key_begins_with_its_tenant(tenant):
    client = operator_client()

    assert client.post("/console/keys/new/", {"tenant": "acme"}).headers["Location"] == "/t/acme/keys/new/"
    assert client.post("/console/keys/new/", {"tenant": "Acme"}).headers["Location"] == "/t/acme/keys/new/"
    assert "There is no such tenant." in body_of(client.post("/console/keys/new/", {"tenant": "nobody"}))


def test_the_list_is_had_as_csv(owner, tenant):
    make_key(tenant, name="=cmd")

    answer = owner.get("/t/acme/keys/?format=csv")

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "'=cmd" in body_of(answer)


# --- service keys --------------------------------------------------------------------------------------


def test_owners_and_admins_make_service_keys(tenant):
    form = {"name": "terraform", "scopes": ["manage"], "expires": "never"}

    assert client_of(member(tenant, "developer")).post("/t/acme/service-keys/new/", form).status_code == 403
    answer = client_of(member(tenant)).post("/t/acme/service-keys/new/", form)

    key = ServiceKey.objects.get(tenant=tenant)
    assert clear_key_in(body_of(answer)).startswith(key.prefix)
    assert key.scopes == ["manage"]


def test_the_platforms_service_keys_manage_everything(tenant):
    client = operator_client()

    client.post("/console/service-keys/new/", {"name": "backup", "scopes": ["manage:read"], "expires": "90d"})

    key = ServiceKey.objects.get(name="backup")
    assert key.tenant is None
    assert "The whole installation" in body_of(client.get("/console/service-keys/"))
    assert client_of(member(tenant)).get(f"/t/acme/service-keys/{key.pk}/").status_code == 404


def test_service_keys_are_rotated_changed_and_revoked(owner, tenant):
    key, _ = service_keys.create_service_key(name="terraform", tenant=tenant)
    address = f"/t/acme/service-keys/{key.pk}/"

    owner.post(f"{address}edit/", {"name": "pulumi", "scopes": ["manage"], "expires": "never"})
    clear_key_in(body_of(owner.post(f"{address}rotate/", {"overlap": "1"})))
    owner.post(f"{address}revoke/", {"typed": "pulumi"})

    key.refresh_from_db()
    assert (key.name, key.state()) == ("pulumi", "revoked")
    assert "Revoked" in body_of(owner.get(address))


# --- in a browser --------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@browser_test[2]
def test_a_key_is_created_in_the_drawer_and_revoked_on_its_page(open_as, assert_accessible):
    make_tenant(slug="acme", name="Acme")
    page = open_as(make_operator(), "/t/acme/keys/", width=390, theme="dark")

    page.locator("main a[data-drawer]").first.click()
    drawer = page.locator("#drawer-body")
    drawer.get_by_label("Name").fill("checkout")
    assert not drawer.get_by_label("Date and time").is_visible()
    assert_accessible(page)
    drawer.get_by_role("button", name="Create the key").click()
    drawer.locator(".secret code").wait_for()
    assert drawer.locator(".secret code").inner_text().startswith("bw_")
    assert_accessible(page)
    drawer.get_by_role("link", name="I have copied it").click()
    page.locator("h1", has_text="checkout").wait_for()
    assert_accessible(page)

    page.get_by_role("link", name="Revoke").click()
    drawer.locator("[name=typed]").fill("checkout")
    drawer.get_by_role("button", name="Revoke the key").click()
    page.locator(".notice", has_text="Revoked").wait_for()


def test_keys_of_the_playground_are_marked_and_can_be_told_apart(tenant):
    user = member(tenant)
    clear_playground_key(tenant=tenant, user=user)
    make_key(tenant, name="checkout")
    client = client_of(user)

    assert ">Playground</span>" in body_of(client.get("/t/acme/keys/?made_for=playground"))
    others = body_of(client.get("/t/acme/keys/?made_for=applications"))
    assert "checkout" in others
    assert "Playground of" not in others
