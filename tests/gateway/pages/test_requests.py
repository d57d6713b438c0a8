"""The requests explorer: who sees what, filters, pages of rows, columns, saved views, files."""

from __future__ import annotations

import csv
import math
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db.models import Min
from django.test import Client
from django.utils import timezone

from events.models import Run, RunState
from gateway.models import SavedView
from tenants import services
from tenants.audit import AuditEntry
from tenants.models import Tenant, User
from tests.gateway.pages.runs import PROMPT, at, keep, kept_events, make_run, story_events
from tests.tenants.factories import make_key, make_operator, make_tenant, make_user

__all__ = ["kept_events"]

pytestmark = pytest.mark.django_db

PAGE = "/t/acme/requests/"


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(slug="acme", name="Acme")


def member(tenant: Tenant, role: str = "developer") -> User:
    user = make_user()
    services.set_membership(tenant=tenant, user=user, role=role)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("role", ["owner", "admin", "developer", "viewer"])
def test_members_see_their_tenants_requests_only(acme, role):
    mine, theirs = make_run(acme), make_run(make_tenant())

    page = body(signed_in(member(acme, role)), PAGE)

    assert mine.correlation_id in page
    assert theirs.correlation_id not in page


def test_billing_does_not_see_single_calls(acme):
    make_run(acme)

    assert signed_in(member(acme, "billing")).get(PAGE).status_code == 403


def test_viewers_see_no_costs(acme):
    make_run(acme, cost_nanousd=123_000_000)

    page = body(signed_in(member(acme, "viewer")), PAGE + "?cost_min=0.1")

    assert "$0.1230" not in page
    assert "Cost from" not in page


def test_another_tenants_explorer_does_not_exist(acme):
    make_tenant(slug="omega")
    client = signed_in(member(acme))

    paths = ("", "histogram/", "tail/", "compare/?a=x", "?format=csv")

    assert {client.get(f"/t/omega/requests/{path}").status_code for path in paths} == {404}


def test_operators_see_all_tenants_by_name_and_narrow_by_one(acme):
    mine, theirs = make_run(acme), make_run(make_tenant(slug="omega", name="Omega Works"))
    client = signed_in(make_operator())

    everything, narrowed = body(client, "/console/requests/"), body(client, "/console/requests/?tenant=acme")

    assert "Omega Works" in everything
    assert mine.correlation_id in narrowed
    assert theirs.correlation_id not in narrowed


@pytest.mark.parametrize(
    "query",
    [
        *("status=failed", "status=bad", "route=chat", "provider=anthropic", "model=opus", "user=ana", "key=Reports"),
        *("error=provider_timeout", "http_status=504", "tag=feature%3Dsearch", "tag=feature", "latency_min=5000"),
        *("cost_min=0.5", "streamed=yes", "fallback=yes", "q=too+slow", "status=failed&user=ana"),
    ],
)
def test_every_filter_narrows(acme, query):
    key = make_key(acme, name="Reports")
    wanted = make_run(
        acme, state=RunState.FAILED, route="chat", provider="anthropic", model="opus", end_user="ana", http_status=504,
        error_code="PROVIDER_TIMEOUT", error_message="Too slow.", tags={"feature": "search"}, duration_ms=6_000,
        cost_nanousd=700_000_000, stream=True, fallback_used=True, key_id=str(key.pk),
    )  # fmt: skip
    other = make_run(acme)

    page = body(signed_in(member(acme)), f"{PAGE}?{query}")

    assert wanted.correlation_id in page
    assert other.correlation_id not in page


def test_a_filter_that_says_nothing_is_told_and_finds_nothing(acme):
    run = make_run(acme)

    page = body(signed_in(member(acme)), PAGE + "?latency_min=soon")

    assert "This filter cannot be used" in page
    assert run.correlation_id not in page


@pytest.mark.parametrize(("role", "found"), [("developer", True), ("viewer", False)])
def test_stored_texts_are_searched_for_who_may_read_them(acme, kept_events, role, found):
    run = make_run(acme)
    keep(story_events(run, prompt=PROMPT))

    page = body(signed_in(member(acme, role)), PAGE + "?q=lighthouse")

    assert (run.correlation_id in page) is found


def test_pages_follow_each_other_without_gaps(acme):
    runs = [make_run(acme, ago=timedelta(minutes=1 + number // 7)) for number in range(120)]
    client, address, seen = signed_in(member(acme)), PAGE, []

    while address:
        table = client.get(address).context["table"]
        seen += [row.correlation_id for row in table.page.rows]
        address = f"{PAGE}{table.next_url}" if table.next_url else ""

    assert sorted(seen) == sorted(run.correlation_id for run in runs)


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyIyMDI2IiwxXQ"])
def test_a_broken_cursor_is_the_first_page(acme, cursor):
    run = make_run(acme)

    assert run.correlation_id in body(signed_in(member(acme)), f"{PAGE}?after={cursor}")


def test_the_number_of_queries_does_not_grow_with_the_rows(acme, django_assert_max_num_queries):
    client = signed_in(make_operator())
    for _ in range(60):
        make_run(make_tenant(), key_id=None)

    with django_assert_max_num_queries(20):
        client.get("/console/requests/?route=support")


def test_the_histogram_counts_by_outcome(acme):
    make_run(acme)
    make_run(acme, state=RunState.FAILED)
    make_run(acme, state=RunState.REJECTED, ago=timedelta(hours=3))
    make_run(acme, ago=timedelta(days=3))

    counted = signed_in(member(acme)).get(PAGE + "histogram/").context["histogram"]

    assert (counted.total, counted.bad, counted.since) == (3, 2, None)
    assert [one.label for one in counted.chart.series] == ["Completed", "Refused", "Failed"]


def test_columns_are_kept_for_the_viewer(acme):
    make_run(acme, trace_id="f" * 32)
    client = signed_in(member(acme))

    client.post(PAGE + "columns/", {"column": ["status", "trace_id"], "next": PAGE + "?route=support"})
    page = body(client, PAGE)

    assert "f" * 32 in page
    assert "First token</th>" not in page
    client.post(PAGE + "columns/", {"reset": "1"})
    assert "First token</th>" in body(client, PAGE)


def test_choosing_columns_leads_nowhere_else(acme):
    answer = signed_in(member(acme)).post(PAGE + "columns/", {"next": "https://evil.example/"})

    assert answer.headers["Location"] == PAGE


def test_a_view_is_saved_for_its_maker_alone_and_audited(acme):
    maker, other = member(acme), member(acme)

    signed_in(maker).post(PAGE + "views/", {"name": "Zebra", "query": "latency_min=1000&after=x"})

    view = SavedView.objects.get(tenant=acme)
    assert (view.name, view.query, view.user) == ("Zebra", "latency_min=1000", maker)
    assert AuditEntry.objects.filter(object_type="savedview", tenant_ref=str(acme.pk)).count() == 1
    assert "?latency_min=1000" in body(signed_in(maker), PAGE)
    assert "Zebra" not in body(signed_in(other), PAGE)
    assert signed_in(other).post(f"{PAGE}views/{view.pk}/delete/").status_code == 404
    signed_in(maker).post(f"{PAGE}views/{view.pk}/delete/")
    assert not SavedView.objects.filter(tenant=acme).exists()


def test_csv_has_the_chosen_columns_and_notes_the_export(acme):
    make_run(acme, end_user="=cmd()")
    client = signed_in(member(acme))
    client.post(PAGE + "columns/", {"column": ["route", "end_user", "cost_nanousd"]})

    text = client.get(PAGE + "?format=csv").getvalue().decode()

    rows = list(csv.DictReader(text.splitlines()))
    assert rows[0]["end_user"] == "'=cmd()"
    assert rows[0]["cost_nanousd"] == "4200000"
    assert AuditEntry.objects.filter(tenant_ref=str(acme.pk), action="exported", object_type="run").exists()


def test_json_lines_have_what_fits_and_no_costs_for_who_may_not_see_them(acme):
    runs = [make_run(acme, route="chat") for _ in range(3)]
    make_run(acme)

    text = signed_in(member(acme, "viewer")).get(PAGE + "?format=jsonl&route=chat").getvalue().decode()

    lines = [msgspec.json.decode(line) for line in text.splitlines()]
    assert {line["correlation_id"] for line in lines} == {run.correlation_id for run in runs}
    assert "cost_nanousd" not in lines[0]


def test_the_range_of_the_url_bounds_what_is_shown(acme):
    old, new = make_run(acme, ago=timedelta(hours=5)), make_run(acme)
    now = timezone.now()

    page = body(
        signed_in(member(acme)), f"{PAGE}?from={at(now - timedelta(hours=6))}&to={at(now - timedelta(hours=4))}"
    )

    assert old.correlation_id in page
    assert new.correlation_id not in page


def test_the_tail_subscribes_to_one_route_on_request(acme):
    page = body(signed_in(member(acme)), PAGE + "tail/?route=support")

    assert 'data-live-route="support"' in page
    assert "/t/acme/requests/{correlation_id}/" in page


def test_the_tail_shows_calls_that_began_before_it_was_opened_and_still_run(acme):
    running: dict[str, Any] = {"state": RunState.RUNNING, "ended_at": None, "route": None, "ago": timedelta(minutes=20)}
    mine, other = make_run(acme, **running), make_run(acme, **{**running, "requested_model": "search"})
    theirs, ended = make_run(make_tenant(), **running), make_run(acme)
    client = signed_in(member(acme))
    page = body(client, PAGE + "tail/")

    assert mine.correlation_id in page
    assert theirs.correlation_id not in page
    assert ended.correlation_id not in page
    again = client.get(PAGE + "tail/?route=search", headers={"hx-request": "true", "hx-target": "tail-running"})
    assert other.correlation_id in again.content.decode()
    assert mine.correlation_id not in again.content.decode()
    assert b"<h1" not in again.content


@pytest.mark.django_db(transaction=True)
def test_a_long_time_is_summed_up_from_traffic_alone(demo_small):
    tenant = demo_small.made.tenants[0].row
    client = signed_in(member(tenant))
    address = f"/t/{tenant.slug}/requests/histogram/"

    summed = client.get(f"{address}?range=7d").context["histogram"]
    runs = Run.objects.filter(tenant_id=str(tenant.pk))
    quickest = runs.aggregate(ms=Min("duration_ms"))["ms"]
    counted = client.get(f"{address}?range=7d&latency_min={math.ceil(quickest) + 1}").context["histogram"]

    assert summed.total == pytest.approx(runs.count(), abs=2)
    assert 0 < counted.total < summed.total
