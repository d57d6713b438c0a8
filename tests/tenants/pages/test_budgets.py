"""Pages of budgets."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.budgets import FOR_EVER
from contracts.live_use import BudgetUse
from tenants import live_use, services
from tenants.audit import AuditEntry
from tenants.budget_figures import states_of
from tenants.models import Budget
from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_key, make_operator, make_team, make_tenant
from tests.tenants.pages.people import body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db

DOLLAR = 10**9


class Counters:
    """Stands for the shared counters."""

    def __init__(self) -> None:
        self.use: BudgetUse | None = BudgetUse(3 * DOLLAR, DOLLAR)

    def limits(self, asked):
        return None

    def budgets(self, asked):
        return [self.use for _ in asked]


@pytest.fixture(autouse=True)
def counters(monkeypatch) -> Counters:
    stand_in = Counters()
    monkeypatch.setattr(live_use, "_registered", [stand_in])
    return stand_in


@pytest.fixture
def tenant():
    return make_tenant(slug="acme", name="Acme", time_zone="Europe/Berlin")


def monthly(tenant, **fields) -> Budget:
    return services.set_budget(tenant=tenant, **{"name": "monthly", "limit_nanousd": 10 * DOLLAR, **fields})


def form(**fields):
    return {
        "name": "monthly", "level": "tenant", "limit_nanousd": "25.50", "window": "month", "thresholds": "50, 80%, 100",
        "action": "block", "enabled": "on", **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "seen", "managed"),
    [("owner", 200, 200), ("billing", 200, 200), ("developer", 200, 403), ("viewer", 403, 403)],
)
def test_who_sees_costs_sees_budgets_and_who_manages_them_makes_them(tenant, role, seen, managed):
    client, budget = client_of(member(tenant, role)), monthly(tenant)

    assert client.get("/t/acme/budgets/").status_code == seen
    assert client.get(f"/t/acme/budgets/{budget.pk}/").status_code == seen
    assert client.get("/t/acme/budgets/new/").status_code == managed
    assert client.post(f"/t/acme/budgets/{budget.pk}/reset/").status_code == (302 if managed == 200 else 403)


def test_a_budget_is_created_in_dollars(owner, tenant):
    answer = owner.post("/t/acme/budgets/new/", form())

    budget = Budget.objects.get(tenant=tenant)
    assert answer.headers["Location"] == f"/t/acme/budgets/{budget.pk}/"
    assert (budget.limit_nanousd, budget.thresholds, budget.action) == (25_500_000_000, [50, 80, 100], "block")
    assert "Europe/Berlin" in body_of(owner.get("/t/acme/budgets/new/"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"limit_nanousd": "0"}, "more than $0"),
        ({"limit_nanousd": ""}, "This field is required."),
        ({"thresholds": "half"}, "whole percentages"),
        ({"action": "degrade"}, "Choose a route, or a longest answer below."),
        ({"action": "alert_only", "thresholds": ""}, "needs at least one threshold"),
        ({"level": "team"}, "Choose the team."),
    ],
)
def test_what_is_wrong_with_a_budget_is_said(owner, tenant, fields, words):
    assert words in body_of(owner.post("/t/acme/budgets/new/", form(**fields)))
    assert not Budget.objects.filter(tenant=tenant).exists()


def test_what_goes_with_degrading_is_left_out_otherwise(owner, tenant):
    owner.post("/t/acme/budgets/new/", form(action="block", degrade_max_output_tokens="200"))
    owner.post("/t/acme/budgets/new/", form(name="soft", action="degrade", degrade_max_output_tokens="200"))

    tokens = dict(Budget.objects.filter(tenant=tenant).values_list("name", "degrade_max_output_tokens"))
    assert tokens == {"monthly": None, "soft": 200}


def test_a_budget_of_the_same_name_is_not_replaced_unasked(owner, tenant):
    monthly(tenant)

    assert "There is a budget of this name" in body_of(owner.post("/t/acme/budgets/new/", form()))
    assert Budget.objects.get(tenant=tenant).limit_nanousd == 10 * DOLLAR


def test_a_budget_is_edited_raised_and_deleted(owner, tenant):
    address = f"/t/acme/budgets/{monthly(tenant).pk}/"

    owner.post(f"{address}edit/", form(name="all of it", limit_nanousd="20"))
    assert "Write more than" in body_of(owner.post(f"{address}raise/", {"limit_nanousd": "15"}))
    owner.post(f"{address}raise/", {"limit_nanousd": "30"})
    budget = Budget.objects.get(tenant=tenant)
    assert (budget.name, budget.limit_nanousd) == ("all of it", 30 * DOLLAR)

    owner.post(f"{address}delete/")
    assert not Budget.objects.filter(tenant=tenant).exists()


def test_a_reset_begins_the_period_anew_and_is_audited(owner, tenant):
    budget = monthly(tenant)
    before = states_of([budget])[0].period

    owner.post(f"/t/acme/budgets/{budget.pk}/reset/")

    budget.refresh_from_db()
    after = states_of([budget])[0].period
    assert budget.counts_from is not None
    assert after.start_ms == int(budget.counts_from.timestamp() * 1000) > before.start_ms
    assert after.end_ms == before.end_ms
    entry = AuditEntry.objects.filter(object_id=str(budget.pk)).order_by("-id")[0]
    assert (entry.action, entry.before["counts_from"]) == ("updated", None)


def test_the_budgets_of_other_tenants_are_not_there(owner):
    theirs = monthly(make_tenant())

    for page in ("", "edit/", "raise/"):
        assert owner.get(f"/t/acme/budgets/{theirs.pk}/{page}").status_code == 404
    for page in ("edit/", "raise/", "reset/", "delete/"):
        assert owner.post(f"/t/acme/budgets/{theirs.pk}/{page}").status_code == 404


def test_the_list_shows_what_is_spent_reserved_and_left(owner, tenant):
    monthly(tenant)

    body = body_of(owner.get("/t/acme/budgets/"))

    assert "$3.00" in body
    assert "$1.00" in body
    assert "$6.00" in body


@pytest.mark.parametrize(
    ("use", "action", "words"),
    [
        (BudgetUse(10 * DOLLAR, 0), "block", "Used up, blocking"),
        (BudgetUse(9 * DOLLAR, DOLLAR), "alert_only", "Over the limit"),
        (BudgetUse(1, 0), "block", "On track"),
    ],
)
def test_the_state_of_a_budget_is_put_in_words(owner, tenant, counters, use, action, words):
    counters.use = use
    monthly(tenant, action=action)

    assert words in body_of(owner.get("/t/acme/budgets/"))


@pytest.mark.parametrize("level", ["tenant", "team", "key", "user"])
@pytest.mark.parametrize("window", ["hour", "month", "total"])
@pytest.mark.parametrize("tab", ["overview", "windows", "history"])
def test_each_part_of_the_page_is_shown_for_every_kind_of_budget(owner, tenant, level, window, tab):
    subjects: dict[str, dict[str, Any]] = {"team": {"team": make_team(tenant)}, "key": {"key": make_key(tenant)}}
    subject = subjects.get(level, {})
    budget = monthly(tenant, level=level, window=window, **subject)

    assert owner.get(f"/t/acme/budgets/{budget.pk}/?tab={tab}").status_code == 200


def test_a_budget_for_ever_has_no_end_and_no_forecast(tenant):
    state = states_of([monthly(tenant, window="total")])[0]

    assert (state.period, state.ends_at, state.forecast, state.runs_out_at) == (FOR_EVER, None, None, None)


def test_the_list_takes_as_many_queries_for_many_budgets(owner, tenant):
    monthly(tenant, level="key", key=make_key(tenant))
    monthly(tenant, level="team", team=make_team(tenant))
    with CaptureQueriesContext(connection) as few:
        owner.get("/t/acme/budgets/")
    for _ in range(6):
        monthly(tenant, level="key", key=make_key(tenant))
        monthly(tenant, level="team", team=make_team(tenant))
    with CaptureQueriesContext(connection) as many:
        owner.get("/t/acme/budgets/")

    assert len(many) == len(few) <= 28


def test_operators_see_the_budgets_of_all_tenants(tenant):
    monthly(tenant)

    assert "Acme" in body_of(operator_client().get("/console/budgets/"))


# --- in a browser --------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@browser_test[2]
def test_a_budget_is_created_and_raised(open_as, assert_accessible):
    make_tenant(slug="acme", name="Acme")
    page = open_as(make_operator(), "/t/acme/budgets/")

    page.locator("main .page-actions a[data-drawer]").click()
    drawer = page.locator("#drawer-body")
    drawer.get_by_label("Name").fill("monthly")
    drawer.get_by_label("Amount ($)").fill("4")
    assert not drawer.get_by_label("Degrade to the route").is_visible()
    assert_accessible(page)
    drawer.get_by_role("button", name="Create the budget").click()
    page.locator(".notice", has_text="Used up").wait_for()
    assert_accessible(page)

    page.get_by_role("link", name="Raise").click()
    drawer.get_by_label("New amount ($)").fill("100")
    drawer.get_by_role("button", name="Raise it now").click()
    page.locator(".facts", has_text="$100.00 each month").wait_for()
