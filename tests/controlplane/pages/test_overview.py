"""The first page of each workspace: whose figures, of when, for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerting.causes.deployments import record_deployment
from contracts.incidents import OpenIncident, register_incident_source
from contracts.tenant_scope import across_tenants
from controlplane.pages.reasons import title_of
from events.models import RunState
from tests.controlplane.pages.traffic import calls, run
from tests.tenants.factories import make_key, make_operator, make_tenant
from tests.tenants.pages.people import auditor_client, body_of, client_of, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return client_of(make_operator())


def test_operators_see_all_tenants_with_a_way_into_each(operator):
    acme, globex = make_tenant(name="Acme", slug="acme"), make_tenant(name="Globex", slug="globex")
    calls(acme, 1_200, cost_nanousd=3_000_000_000)
    calls(globex, 34)

    body = body_of(operator.get("/console/"))

    assert "1.2k" in body
    assert "$3.00" in body
    assert 'href="/t/acme/?range=24h"' in body
    assert "Globex" in body


def test_members_see_their_tenant_alone():
    acme, globex = make_tenant(slug="acme"), make_tenant(slug="globex")
    calls(acme, 7, model="ours")
    calls(globex, 9_000, model="theirs")

    body = body_of(client_of(member(acme)).get("/t/acme/"))

    assert "ours" in body
    assert "theirs" not in body
    assert "9k" not in body


def test_a_foreign_tenant_does_not_exist_for_a_member():
    make_tenant(slug="globex")
    somebody = client_of(member(make_tenant(slug="acme")))
    assert somebody.get("/t/globex/").status_code == 404
    assert somebody.get("/console/").status_code == 403


def test_auditors_see_figures():
    calls(make_tenant(name="Acme"), 5)
    assert "Acme" in body_of(auditor_client().get("/console/"))


@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("billing", True), ("viewer", False)])
def test_costs_are_for_those_who_may_see_them(role, sees):
    acme = make_tenant(slug="acme")
    calls(acme, 10, cost_nanousd=5_000_000_000)

    body = body_of(client_of(member(acme, role)).get("/t/acme/?by=cost"))

    assert ("$5.00" in body) is sees
    assert ("Cost by model" in body) is sees
    assert ("Spend" in body) is sees


@pytest.mark.parametrize(("role", "sees"), [("viewer", True), ("billing", False)])
def test_single_calls_are_for_those_who_may_see_them(role, sees):
    acme = make_tenant(slug="acme")
    calls(acme, 10, errors=1)
    run(acme)

    body = body_of(client_of(member(acme, role)).get("/t/acme/"))

    assert ("What went wrong last" in body) is sees
    assert ("did not answer within 30 s" in body) is sees


def test_what_went_wrong_is_told_in_words_once_for_each_kind(operator):
    acme = make_tenant(name="Acme", slug="acme")
    calls(acme, 1, errors=1, refused=3)
    for _ in range(3):
        run(acme, RunState.REJECTED, error_code="BUDGET_EXCEEDED", error_message="The budget is used up.")
    run(acme)

    body = body_of(operator.get("/console/"))

    assert body.count("A budget is used up") == 1
    assert "3 alike" in body
    assert "The provider did not answer in time" in body


def test_a_code_that_nobody_knows_has_a_title():
    assert title_of("NEW_IN_THE_NEXT_VERSION", 418) == "Answered with HTTP status 418"
    assert title_of(None, None) == "The call failed"


def test_the_range_of_the_address_counts(operator):
    calls(make_tenant(), 11, ago=timedelta(hours=3))

    assert "No calls in this time" in body_of(operator.get("/console/?range=15m"))
    assert ">11<" in body_of(operator.get("/console/?range=6h"))
    start, end = (timezone.now() - timedelta(hours=hours) for hours in (4, 2))
    custom = f"/console/?from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"
    assert ">11<" in body_of(operator.get(custom))


def test_figures_are_compared_to_the_time_before(operator):
    acme = make_tenant()
    calls(acme, 100, ago=timedelta(minutes=90))
    calls(acme, 150, ago=timedelta(minutes=20))

    body = body_of(operator.get("/console/?range=1h"))

    assert "50%" in body
    assert "to the 1 hour before" in body


@pytest.mark.parametrize(
    "query", ["?range=nonsense", "?by=nonsense&split=nonsense", "?from=x&to=y", "?range=30d&split=route&by=latency"]
)
def test_whatever_stands_in_the_address_there_is_a_page(operator, query):
    calls(make_tenant(), 3)
    assert operator.get(f"/console/{query}").status_code == 200


def test_charts_can_be_split_by_route_and_by_model(operator):
    acme = make_tenant()
    for number in range(9):
        calls(acme, 10 + number, route=f"route-{number}", model=f"model-{number}")

    by_route = body_of(operator.get("/console/?split=route"))

    assert '"label": "route-8"' in by_route
    assert '"label": "route-0"' not in by_route
    assert '"label": "Other"' in by_route
    assert '"label": "model-8"' in body_of(operator.get("/console/?split=model"))


def test_rankings_lead_to_the_calls_behind_them(operator):
    acme = make_tenant(slug="acme")
    key = make_key(acme, name="Checkout")
    calls(acme, 4, errors=2, key=str(key.pk), route="chat")

    body = body_of(operator.get("/console/?range=7d&by=errors"))

    assert "Checkout" in body
    assert f"/console/requests/?key={key.pk}&amp;status=failed&amp;range=7d" in body
    assert "/console/requests/?route=chat&amp;status=failed&amp;range=7d" in body


def test_a_key_of_another_tenant_is_never_named():
    acme, globex = make_tenant(slug="acme"), make_tenant(slug="globex")
    theirs = make_key(globex, name="Their secret project")
    calls(acme, 4, key=str(theirs.pk))

    body = body_of(client_of(member(acme)).get("/t/acme/"))

    assert "Their secret project" not in body
    assert "Deleted key" in body


def test_htmx_gets_the_live_part_alone(operator):
    calls(make_tenant(), 3)

    body = body_of(operator.get("/console/", headers={"HX-Request": "true", "HX-Target": "overview"}))

    assert "<html" not in body
    assert 'data-live="llm.request.completed' in body


def test_open_incidents_are_shown_where_somebody_looks_for_them(operator):
    asked: list[str | None] = []

    class Source:
        def open_incidents(self, tenant_id, limit):
            asked.append(tenant_id)
            return [OpenIncident("OpenAI is failing", "critical", timezone.now(), "14 of 20 calls failed.")]

    calls(make_tenant(slug="acme"), 3)
    assert "Open incidents" not in body_of(operator.get("/console/"))
    register_incident_source(Source())
    assert "OpenAI is failing" in body_of(operator.get("/console/"))
    with across_tenants("the test looks at its own tenant"):
        assert "OpenAI is failing" in body_of(operator.get("/t/acme/"))
    assert asked[0] is None
    assert asked[1]


def test_the_number_of_queries_does_not_grow_with_the_traffic(operator):
    acme = make_tenant()

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert operator.get("/console/?split=route").status_code == 200
        return len(asked)

    calls(acme, 5, key=str(make_key(acme).pk))
    run(acme)
    few = queries()
    for number in range(12):
        other = make_tenant()
        calls(
            other, number + 1, route=f"r{number}", model=f"m{number}", key=str(make_key(other).pk), refused=1, errors=1
        )
        run(other, error_code=f"CODE_{number}")
    assert queries() <= few <= 30


def test_what_was_deployed_in_the_range_is_marked_on_every_chart_and_said_once():
    acme, globex = make_tenant(slug="acme"), make_tenant(slug="globex")
    calls(acme, 10)
    now = timezone.now()
    record_deployment(tenant=acme, service="shop", version="7", deployed_at=now - timedelta(hours=2))
    record_deployment(tenant=acme, service="shop", version="6", deployed_at=now - timedelta(days=3))
    record_deployment(tenant=globex, service="theirs", version="1")
    record_deployment(tenant=None, service="gateway", version="12", deployed_at=now - timedelta(hours=1))

    answer = client_of(member(acme)).get("/t/acme/?range=24h")

    said = [[one.label for one in chart.marks] for _, chart in answer.context["charts"]]
    assert len(said) > 4
    assert all(len(labels) == 2 and "shop 7" in labels[0] and "gateway 12" in labels[1] for labels in said)
    body = body_of(answer)
    assert body.count("shop 7") == 1
    assert "theirs" not in body
