"""The admin of budgets as an operator uses it."""

from typing import Any

import pytest
from django.urls import reverse

from tenants.audit import AuditEntry
from tenants.models import Budget
from tenants.services import set_budget
from tests.tenants.factories import make_key, make_operator, make_team, make_tenant


@pytest.fixture
def browser(client, db):
    client.force_login(make_operator())
    return client


def url(page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:tenants_budget_{page}", args=args)


def form(tenant, **changes: Any) -> dict[str, Any]:
    return {
        "name": "monthly",
        "enabled": "on",
        "tenant": tenant.pk,
        "level": "tenant",
        "limit_nanousd": "100",
        "window": "month",
        "thresholds": "50, 80, 100",
        "action": "block",
        **changes,
    }


def errors(response: Any) -> str:
    return str(response.context["adminform"].form.errors.as_data())


def test_a_budget_is_written_in_dollars_and_kept_in_nano_dollars(browser):
    tenant = make_tenant()
    response = browser.post(url("add"), form(tenant, limit_nanousd="0.000000001", thresholds="80 %,100"))
    assert response.status_code == 302, errors(response)
    budget = Budget.objects.get()
    assert (budget.limit_nanousd, budget.thresholds, budget.tenant) == (1, [80, 100], tenant)
    page = browser.get(url("change", budget.pk)).content.decode()
    assert 'value="0.000000001"' in page
    assert 'value="80, 100"' in page


def test_a_change_is_audited_and_no_change_is_not(browser):
    tenant = make_tenant()
    budget = set_budget(tenant=tenant, name="monthly", limit_nanousd=100_000_000_000)
    entries = AuditEntry.objects.filter(object_type="budget")
    assert browser.post(url("change", budget.pk), form(tenant)).status_code == 302
    assert entries.count() == 1
    assert browser.post(url("change", budget.pk), form(tenant, limit_nanousd="7")).status_code == 302
    entry = entries.first()
    assert entry is not None
    assert entry.after == {"limit_nanousd": 7_000_000_000}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"limit_nanousd": ""}, "required"),
        ({"limit_nanousd": "-1"}, "greater than or equal to 0"),
        ({"limit_nanousd": "0"}, "A budget is more than 0"),
        ({"limit_nanousd": "0.0000000001"}, "9 decimal places"),
        ({"limit_nanousd": "9007200"}, "at most 9,007,199.254740992"),
        ({"thresholds": "half"}, "Write whole percentages"),
        ({"thresholds": "80, 50"}, "ascending order"),
        ({"thresholds": "0"}, "greater than or equal to 1"),
        ({"level": "team"}, "Level 'team' needs a team"),
        ({"action": "degrade"}, "needs a route or a longest answer"),
        ({"degrade_route": "cheap"}, "the others take neither"),
    ],
)
def test_a_budget_that_makes_no_sense_is_sent_back_with_the_reason(browser, changes, complaint):
    response = browser.post(url("add"), form(make_tenant(), **changes))
    assert response.status_code == 200
    assert complaint in errors(response)
    assert not Budget.objects.exists()


def test_another_tenants_key_is_sent_back(browser):
    response = browser.post(url("add"), form(make_tenant(), level="key", key=make_key().pk))
    assert "belongs to another tenant" in errors(response)


def test_the_list_shows_whose_how_much_and_what_happens(browser):
    tenant = make_tenant()
    team = make_team(tenant)
    set_budget(tenant=tenant, name="ours", level="team", team=team, limit_nanousd=12_500_000_000, action="alert_only")
    set_budget(tenant=tenant, name="each", level="user", window="day", limit_nanousd=1)
    listed = browser.get(url()).content.decode()
    for shown in ("$12.5", str(team), "alert only", "50 %, 80 %, 100 %", tenant.slug):
        assert shown in listed
    for query, names in (
        ({"q": team.name}, ["ours"]),
        ({"level__exact": "user"}, ["each"]),
        ({"window__exact": "year"}, []),
    ):
        found = browser.get(url(), query).context["cl"].result_list
        assert [budget.name for budget in found] == names


def test_every_page_opens_and_a_budget_is_deleted(browser):
    budget = set_budget(tenant=make_tenant(), name="b", limit_nanousd=1)
    for page in (url(), url("add"), url("change", budget.pk), url("delete", budget.pk)):
        assert browser.get(page).status_code == 200, page
    assert browser.post(url("delete", budget.pk), {"post": "yes"}).status_code == 302
    assert not Budget.objects.exists()
    assert AuditEntry.objects.filter(object_type="budget", action="deleted").exists()
