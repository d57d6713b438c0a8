"""Pages of rate limits."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.live_use import BudgetUse, LimitUse
from tenants import live_use, services
from tenants.models import RateLimit
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.pages.people import body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db


class Counters:
    """Stands for the shared counters: each limit has 40 used and 2 calls waiting."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.subjects: list[str] = []

    def limits(self, asked):
        self.subjects += [one.subject for one in asked]
        return [LimitUse(used=40, waiting=2) for _ in asked] if self.up else None

    def budgets(self, asked):
        return [BudgetUse(250_000_000, 50_000_000) for _ in asked] if self.up else None


@pytest.fixture
def counters(monkeypatch) -> Counters:
    stand_in = Counters()
    monkeypatch.setattr(live_use, "_registered", [stand_in])
    return stand_in


def form(**fields):
    return {"level": "tenant", "metric": "requests", "value": "600", "window": "60", **fields}


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("developer", 403), ("billing", 403)])
def test_who_manages_limits_sets_them(tenant, role, status):
    client = client_of(member(tenant, role))

    assert client.get("/t/acme/limits/").status_code == 200
    assert client.get("/t/acme/limits/new/").status_code == status


def test_a_limit_is_set_for_each_level(owner, tenant):
    team, key = make_team(tenant), make_key(tenant)

    owner.post("/t/acme/limits/new/", form())
    owner.post("/t/acme/limits/new/", form(level="team", team=str(team.pk), window="other", window_s="90"))
    owner.post("/t/acme/limits/new/", form(level="key", key=key.prefix, metric="concurrency", value="5", wait_s="1.5"))
    owner.post("/t/acme/limits/new/", form(level="user", metric="tokens", window="86400"))

    found = RateLimit.objects.filter(tenant=tenant).values_list("level", "metric", "value", "window_s", "max_wait_ms")
    assert sorted(found) == [
        ("key", "concurrency", 5, 0, 1_500),
        ("team", "requests", 600, 90, 0),
        ("tenant", "requests", 600, 60, 0),
        ("user", "tokens", 600, 86_400, 0),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"level": "team"}, "Choose the team."),
        ({"level": "key"}, "Say which key."),
        ({"level": "key", "key": "nobody"}, "The tenant has no such key."),
        ({"window": "other"}, "Say how many seconds."),
        ({"value": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_a_limit_is_said(owner, tenant, fields, words):
    assert words in body_of(owner.post("/t/acme/limits/new/", form(**fields)))
    assert not RateLimit.objects.filter(tenant=tenant).exists()


def test_the_key_of_another_tenant_is_not_found(owner):
    theirs = make_key()

    answer = owner.post("/t/acme/limits/new/", form(level="key", key=str(theirs.pk)))

    assert "The tenant has no such key." in body_of(answer)


def test_a_limit_of_the_same_kind_is_not_replaced_unasked(owner, tenant):
    services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=5)

    answer = owner.post("/t/acme/limits/new/", form())

    assert "There is a limit of this kind already" in body_of(answer)
    assert RateLimit.objects.get(tenant=tenant).value == 5


def test_a_limit_is_changed_and_lifted(owner, tenant):
    limit = services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=5)

    owner.post(f"/t/acme/limits/{limit.pk}/edit/", {"value": "50"})
    limit.refresh_from_db()
    assert limit.value == 50

    owner.post(f"/t/acme/limits/{limit.pk}/delete/")
    assert not RateLimit.objects.filter(tenant=tenant).exists()


def test_the_limits_of_other_tenants_are_not_there(owner):
    theirs = services.set_rate_limit(tenant=make_tenant(), level="tenant", metric="requests", value=5)

    assert owner.get(f"/t/acme/limits/{theirs.pk}/edit/").status_code == 404
    assert owner.post(f"/t/acme/limits/{theirs.pk}/delete/").status_code == 404
    assert RateLimit.objects.filter(pk=theirs.pk).exists()


def test_the_list_shows_what_is_used_now(owner, tenant, counters):
    services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=50)
    services.set_rate_limit(tenant=tenant, level="user", metric="requests", value=30)

    body = body_of(owner.get("/t/acme/limits/"))

    assert "40 <span" in body
    assert "2 waiting" in body
    assert "per user" in body
    assert counters.subjects == [str(tenant.pk)]


def test_without_the_counters_the_ledger_is_asked(owner, tenant, counters):
    counters.up = False
    services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=50)
    services.set_rate_limit(tenant=tenant, level="tenant", metric="concurrency", value=9, window_s=0)

    body = body_of(owner.get("/t/acme/limits/"))

    assert "from the ledger" in body
    assert "not known" in body


def test_the_list_takes_as_many_queries_for_many_limits(owner, tenant, counters):
    services.set_rate_limit(tenant=tenant, level="key", key=make_key(tenant), metric="requests", value=5)
    with CaptureQueriesContext(connection) as few:
        owner.get("/t/acme/limits/")
    for _ in range(6):
        services.set_rate_limit(tenant=tenant, level="key", key=make_key(tenant), metric="requests", value=5)
    with CaptureQueriesContext(connection) as many:
        owner.get("/t/acme/limits/")

    assert len(many) == len(few) <= 26


def test_all_limits_and_budgets_upon_a_key_and_a_user_are_told(owner, tenant, counters):
    team = make_team(tenant)
    make_key(tenant, name="checkout", team=team)
    services.set_rate_limit(tenant=tenant, level="team", team=team, metric="requests", value=111)
    services.set_rate_limit(tenant=tenant, level="key", key=make_key(tenant), metric="requests", value=222)
    services.set_rate_limit(tenant=tenant, level="user", metric="requests", value=333)
    services.set_budget(tenant=tenant, name="each reader", limit_nanousd=10**9, level="user")

    with_user = body_of(owner.get("/t/acme/limits/effective/?key=checkout&user=ada"))
    without = body_of(owner.get("/t/acme/limits/effective/?key=checkout"))

    assert "111 requests" in with_user
    assert "222 requests" not in with_user
    assert "333 requests" in with_user
    assert "each reader" in with_user
    assert "ada" in counters.subjects
    assert "333 requests" not in without
    assert "each reader" not in without
    assert "The tenant has no such key." in body_of(owner.get("/t/acme/limits/effective/?key=nobody"))


def test_operators_see_the_limits_of_all_tenants(tenant, counters):
    services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=50)

    assert "Acme" in body_of(operator_client().get("/console/limits/"))
