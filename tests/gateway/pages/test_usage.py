"""Usage and cost: who sees what, figures that are those of the API, addresses that say all."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.budgets import BudgetWindow
from contracts.specs import TenantSpec
from events.ledger.analytics import usage
from gateway.formats.analytics import asked_for_sums
from gateway.formats.analytics_answers import page_as_json
from routing.catalogue import SANDBOX, register
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.browser.signed_in import browser_test
from tests.controlplane.pages.traffic import looked_up
from tests.events.ledger.ledger_tables import call
from tests.gateway.pages.usage_calls import billed
from tests.tenants.factories import make_key, make_operator, make_team, make_tenant
from tests.tenants.pages.people import body_of, client_of, member, operator_client

__all__ = ["billed"]

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)
PAGE = "/t/acme/usage/"


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def acme(billed) -> Tenant:
    tenant = make_tenant(slug="acme", name="Acme", time_zone="Asia/Kolkata")
    billed(
        tenant,
        call(YESTERDAY, 5_000_000_000, model="large", team_id="t1", user="ada", input_tokens=100, output_tokens=10),
        call(NOW, 2_000_000_000, model="small", team_id="t1", user="bob", input_tokens=7, output_tokens=3),
        call(NOW, None, model="odd", team_id="t2", input_tokens=1, output_tokens=1),
    )
    billed(make_tenant(slug="other", name="Other"), call(NOW, 900_000_000_000, model="theirs"))
    return tenant


def context_of(client, path: str) -> dict:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.context_data


def questions(captured: CaptureQueriesContext) -> int:
    """Without savepoints and settings of the transaction."""
    return sum(query["sql"].lstrip("( ").upper().startswith(("SELECT", "WITH")) for query in captured)


def test_the_page_has_the_figures_of_the_analytics_api(acme):
    context = context_of(client_of(member(acme, "owner")), f"{PAGE}?range=7d&by=model")
    scope = context["scope"]
    spec = TenantSpec(id=str(acme.pk), slug="acme", time_zone=acme.time_zone)
    days = f"start_date={scope.first_day}&end_date={NOW.isoformat().replace('+', '%2B')}"
    asked = asked_for_sums(f"group_by=model&period=total&{days}", spec, accept="", now_ms=scope.now_ms)
    answer = usage(asked.query)
    assert context["total"] == answer.total
    assert {group.value: group.figures for group in context["groups"]} == {
        row.group[0]: row.figures for row in answer.rows
    }
    assert answer.total.cost_nanousd == 7_000_000_000


def test_the_bars_of_the_chart_add_up_to_the_total(acme):
    client = client_of(member(acme, "owner"))
    for by in ("model", "user", "team", "route"):
        context = context_of(client, f"{PAGE}?range=30d&by={by}&measure=tokens")
        drawn = sum(sum(series.values) for series in context["chart"].series)
        assert drawn == context["total"].input_tokens + context["total"].output_tokens == 122


def test_files_are_the_api_s_answers(acme):
    client = client_of(member(acme, "billing"))
    context = context_of(client, f"{PAGE}?range=7d&by=team")
    query = msgspec.structs.replace(
        context["scope"].query(str(acme.pk)), window=BudgetWindow.DAY, **context["scope"].grouping
    )
    answer = msgspec.json.decode(body_of(client.get("/t/acme/usage/export/costs/?range=7d&by=team&format=json")))
    assert answer["data"] == page_as_json(query, usage(query), costs=True)["data"]
    text = body_of(client.get("/t/acme/usage/export/usage/?range=7d&by=team&format=csv"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(int(row["requests"]) for row in rows) == 3
    assert client.get("/t/acme/usage/export/nonsense/").status_code == 404


def test_a_filter_leaves_only_its_calls_and_a_group_leads_into_it(acme):
    client = client_of(member(acme, "owner"))
    context = context_of(client, f"{PAGE}?range=7d&by=team")
    into = next(group.url for group in context["groups"] if group.value == "t1")
    inner = context_of(client, f"{PAGE}{into}")
    assert inner["total"].requests == 2
    assert inner["scope"].by == "key"
    assert [chip[:2] for chip in inner["chips"]] == [("Team", "t1")]


def test_calls_without_a_price_are_told(acme):
    page = body_of(client_of(member(acme, "owner")).get(f"{PAGE}?range=7d"))
    assert "1 call has no known price" in page
    assert "Without a price" in page


def test_who_may_not_see_costs_sees_calls_and_tokens_alone(acme):
    client = client_of(member(acme, "viewer"))
    context = context_of(client, f"{PAGE}?range=7d&measure=cost")
    assert context["measure"] == "requests"
    page = body_of(client.get(f"{PAGE}?range=7d"))
    assert "$" not in page.split("<main")[1].split("</main>")[0]
    for path in ("usage/export/costs/", "usage/what-if/", "statements/", "statements/2026/11/"):
        assert client.get(f"/t/acme/{path}").status_code == 403, path


def test_another_tenant_s_pages_are_not_there(acme):
    client = client_of(member(make_tenant(slug="foreign"), "owner"))
    for path in ("usage/", "usage/export/usage/", "usage/what-if/", "statements/", "statements/2026/11/"):
        assert client.get(f"/t/acme/{path}").status_code == 404, path


def test_what_the_address_says_wrongly_is_left_out(acme):
    client = client_of(member(acme, "owner"))
    nonsense = "?range=x&by=y&sort=z&page=-1&from=2026-99-99&to=no&measure=m&key_id=%00&tag=x"
    assert context_of(client, PAGE + nonsense)["scope"].stretch.name == "month"
    assert client.get(f"{PAGE}?from=9999-01-01&to=0001-01-01").status_code == 200


def test_what_no_rollup_has_is_explained(acme):
    page = body_of(client_of(member(acme, "owner")).get(f"{PAGE}?by=user&tag=env:live"))
    assert "Users and tags cannot be combined" in page


def test_a_tag_tells_calls_apart(acme, billed):
    billed(acme, call(NOW, 3_000_000_000, tags={"env": "live"}))
    context = context_of(client_of(member(acme, "owner")), f"{PAGE}?range=7d&by=tag:env")
    assert {group.label: group.figures.cost_nanousd for group in context["groups"]} == {
        "live": 3_000_000_000,
        "Without this tag": 7_000_000_000,
    }
    assert any(key == "tag:env" for key, *_ in context["groupings"])


def test_keys_and_teams_have_their_names(billed):
    tenant = make_tenant(slug="acme")
    team, key = make_team(tenant, name="Search"), make_key(tenant, name="ci-runner")
    billed(tenant, call(NOW, 1, team_id=str(team.pk), key_id=str(key.pk)))
    client = client_of(member(tenant, "owner"))
    for by, name in (("team", "Search"), ("key", "ci-runner")):
        assert [group.label for group in context_of(client, f"{PAGE}?by={by}&range=7d")["groups"]] == [name]


def test_the_platform_has_all_tenants_side_by_side(acme):
    context = context_of(operator_client(), "/console/usage/?range=7d")
    assert {group.label: group.figures.cost_nanousd for group in context["groups"]} == {
        "Other": 900_000_000_000,
        "Acme": 7_000_000_000,
    }
    assert context["total"].requests == 4
    assert all("/usage/?range=7d" in group.url for group in context["groups"])


def test_the_platform_s_breakdown_by_tenant_is_exported_and_noted(acme):
    client = operator_client()
    assert "/console/usage/export/costs/" in body_of(client.get("/console/usage/?range=7d"))

    answer = client.get("/console/usage/export/costs/?range=7d&format=csv")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    sums = {
        name: sum(int(row["cost_nanousd"]) for row in rows if row["tenant_name"] == name) for name in ("Acme", "Other")
    }
    assert sums == {"Acme": 7_000_000_000, "Other": 900_000_000_000}
    assert AuditEntry.objects.filter(action="exported", tenant_ref="").get().after["rows"] == len(rows)


def test_the_page_asks_as_much_for_many_groups_as_for_few(acme, billed):
    client = client_of(member(acme, "owner"))
    client.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        client.get(f"{PAGE}?by=key&range=7d")
    billed(acme, *(call(NOW, 1, key_id=f"key-{number}") for number in range(40)))
    with CaptureQueriesContext(connection) as many:
        client.get(f"{PAGE}?by=key&range=7d")
    assert questions(many) <= questions(few) < 32


def test_a_statement_adds_up_and_is_downloaded(acme):
    client = client_of(member(acme, "owner"))
    [(month, figures, closed), *_] = context_of(client, "/t/acme/statements/")["months"]
    context = context_of(client, f"/t/acme/statements/{month.year}/{month.month}/")
    assert context["statement"].total == figures
    assert not closed
    for form in ("csv", "json", "txt"):
        answer = client.get(f"/t/acme/statements/{month.year}/{month.month}/?format={form}")
        assert f"statement-acme-{month:%Y-%m}.{form}" in answer["Content-Disposition"]
    assert client.get("/t/acme/statements/2026/13/").status_code == 404
    assert client.get("/t/acme/statements/8000/1/").status_code == 404


def test_what_if_puts_a_model_s_price_on_every_call(acme):
    model = register(SANDBOX).models.get(name="sandbox-large")
    client = client_of(member(acme, "owner"))
    assert "Choose a model" in body_of(client.get("/t/acme/usage/what-if/"))
    for prices in ("then", "now"):
        context = context_of(client, f"/t/acme/usage/what-if/?instead={model.pk}&range=7d&prices={prices}")
        assert {row.model for row in context["rows"]} == {"large", "small", "odd"}
        assert context["total"].would == sum(row.would for row in context["rows"])
        # What was paid is not known in full.
        assert context["total"].difference is None


class TestInABrowser:
    pytestmark = browser_test

    def test_one_looks_into_a_group_and_comes_back(self, acme, open_as):
        page = open_as(make_operator(), f"{PAGE}?range=7d&by=team")
        page.get_by_role("link", name="t1").click()
        page.get_by_text("By key", exact=True).wait_for()
        page.locator("a.chip").click()
        page.wait_for_url("**/usage/?range=7d&by=key")
        page.get_by_role("link", name="Statements").first.click()
        page.get_by_role("heading", name="Statements").wait_for()


@pytest.mark.parametrize(("role", "told"), [("owner", "Saved by the cache"), ("viewer", "Cache hits")])
def test_what_the_cache_saved_is_told_by_route(acme, role, told):
    looked_up(str(acme.pk), "chat", hits=3, missed=1, saved=2_000_000_000)
    looked_up(str(acme.pk), "search", hits=1, saved=1)
    client = client_of(member(acme, role))

    page = client.get(PAGE)
    narrowed = client.get(f"{PAGE}?route=search")

    assert [tile.label for tile in page.context["tiles"]][-1] == told
    assert [route for route, _ in page.context["kept"].routes] == ["chat", "search"]
    assert ("$6.00" in body_of(page)) is (role == "owner")
    assert page.context["kept"].total.hit_ratio == 0.8
    assert narrowed.context["kept"].total.hits == 1
    assert client.get(f"{PAGE}?model=gpt").context["kept"] is None


def test_the_overview_tells_what_the_cache_saved(acme):
    looked_up(str(acme.pk), hits=3, missed=1, saved=2_000_000_000)
    page = body_of(client_of(member(acme)).get("/t/acme/"))
    assert "$6.00 saved by 3 hits" in page
