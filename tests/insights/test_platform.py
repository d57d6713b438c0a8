"""Savings of all tenants: kept by the clock, shown to operators."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from insights import counting, days, keeping
from insights.days import last_30_days
from insights.keeping import keep_calls, keep_savings, keep_savings_of
from insights.models import KeptSavings
from insights.selectors import cost_impact, recommendations
from insights.services import count_open_advice, decide, take_back
from tenants import services
from tenants.models import ApiKey
from tests.insights.planted_calls import Planted
from tests.tenants.factories import make_tenant
from tests.tenants.pages.people import auditor_client, body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db(transaction=True)


def page(client, query: str = "") -> str:
    answer = client.get(f"/console/savings/{query}")
    assert answer.status_code == 200, answer
    return str(body_of(answer))


def table(query: str = "") -> str:
    return page(operator_client(), query).partition('id="table-savings"')[2]


@pytest.fixture
def two(acme):
    """Of whom the second wastes more."""
    other = make_tenant(slug="globex", name="Globex")
    for tenant, wasted in ((acme, 1_500_000_000), (other, 4_250_000_000)):
        planted = Planted(tenant)
        planted.call(2_000_000_000)
        planted.call(wasted, fails="PROVIDER_TIMEOUT")
        planted.write()
    keep_calls()
    keep_savings()
    return acme, other


def test_nothing_worked_out_says_when_it_will_be(acme):
    shown = page(operator_client())
    assert "Nothing worked out yet" in shown
    assert "/console/health/" in shown


def test_tenants_are_ranked_by_what_they_spent_in_vain_and_lead_to_their_pages(two):
    shown = table()
    assert shown.index("/t/globex/savings/") < shown.index("/t/acme/savings/")
    up = table("?sort=wasted")
    assert up.index("/t/acme/savings/") < up.index("/t/globex/savings/")


def test_sums_over_all_say_how_old_they_are(two):
    shown = page(operator_client())
    assert "$5.75" in shown
    assert "the oldest were worked out" in shown
    make_tenant(slug="initech")
    assert "1 more has not been worked out yet" in page(operator_client())


def test_kept_savings_are_what_the_tenants_page_says(two):
    for tenant in two:
        row = KeptSavings.objects.for_tenant(tenant).get()
        impact = cost_impact(tenant, last_30_days(tenant), at_once=None)
        assert (row.calls, row.spent_nanousd, row.wasted_nanousd) == (
            impact.calls,
            impact.spent_nanousd,
            impact.wasted_nanousd,
        )
        kinds = row.failed_nanousd + row.blocked_nanousd + row.regenerated_nanousd + row.hedged_nanousd
        assert kinds == row.wasted_nanousd


def test_the_page_works_nothing_out_itself(two, monkeypatch):
    def counts(*_, **__):
        raise AssertionError("it counts calls")

    for module in (counting, days, keeping):
        monkeypatch.setattr(module, "counted", counts)
    assert "Globex" in page(operator_client())


def test_a_list_is_searched_and_narrowed(two):
    assert "Globex" not in table("?q=acme&sort=share")
    assert "Acme" in table("?vain=20&advice=none")
    assert "Acme" not in table("?advice=open")


def test_a_tenant_without_calls_has_no_share(acme):
    keep_savings_of(tenant=acme)
    assert "Acme" in page(operator_client(), "?sort=-share")


def test_the_largest_recommendations_are_told_until_they_are_put_aside(acme):
    KeptSavings.objects.create(
        tenant=acme,
        advice=[
            {"key": "cache_route:faq", "title": "Keep answers of the route faq", "saving_nanousd": 9_000_000_000},
            {"key": "unused_key:1", "title": "Revoke the key old", "saving_nanousd": None},
        ],
    )
    count_open_advice(tenant=acme)
    shown = page(operator_client())
    assert "Keep answers of the route faq" in shown
    assert "$9.00" in shown
    assert "Revoke the key old" not in shown
    decide(tenant=acme, key="cache_route:faq", title="Keep answers of the route faq")
    assert "Keep answers of the route faq" not in page(operator_client())


def test_who_sees_all_tenants_sees_it_and_members_do_not(two):
    acme, _ = two
    assert "Globex" in page(auditor_client())
    assert client_of(member(acme, "owner")).get("/console/savings/").status_code == 403


def test_savings_are_worked_out_again_when_they_are_old(acme):
    assert keep_savings() == 1
    assert keep_savings() == 0
    assert keep_savings(now=timezone.now() + timedelta(hours=1)) == 1


def test_what_has_no_time_left_is_done_by_the_next_run(acme):
    make_tenant(slug="globex")
    ticks = iter([0.0, 0.0, 9.0])
    assert keep_savings(within_s=5.0, clock=lambda: next(ticks)) == 1
    assert keep_savings() == 1


def test_what_is_put_aside_is_counted_out_at_once_and_in_again(acme):
    key, _ = services.create_key(tenant=acme, name="old")
    ApiKey.objects.for_tenant(acme).filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=61))
    keep_savings_of(tenant=acme)
    row = KeptSavings.objects.for_tenant(acme).get()
    assert row.open_advice == 1
    (found,) = recommendations(acme, last_30_days(acme))
    decide(tenant=acme, key=found.key, title=found.title)
    row.refresh_from_db()
    assert row.open_advice == 0
    take_back(tenant=acme, key=found.key)
    row.refresh_from_db()
    assert row.open_advice == 1
