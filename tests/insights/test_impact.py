from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.incident_rows import Incident
from insights.selectors import cost_impact
from insights.services import create_impact_rule
from tests.insights.planted_calls import DAY, NOON, Planted
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def planted(acme) -> Planted:
    return Planted(acme)


def waste_of(impact):
    return {one.kind: (one.calls, one.nanousd) for one in impact.wastes}


def test_each_kind_of_waste_is_known_to_the_nano_dollar(acme, planted):
    planted.call(1_000_003)
    planted.call(20_000_007, fails="CLIENT_DISCONNECTED")
    planted.call(0, fails="PROVIDER_UNAVAILABLE")
    planted.call(300_000_011, fails="CONTENT_BLOCKED", route="support")
    planted.call(4_000_000_013, asks="same", minute=1, user="ann")
    planted.call(50_000_000_017, asks="same", minute=4, user="ann", model="gpt-mini")
    planted.call(600_000_000_019, lost_hedge=True)
    planted.write()
    impact = cost_impact(acme, DAY)
    assert waste_of(impact) == {
        "failed": (2, 20_000_007),
        "blocked": (1, 300_000_011),
        # The first of the two was answered in vain; the second is what was wanted.
        "regenerated": (1, 4_000_000_013),
        "hedged": (1, 600_000_000_019),
    }
    assert impact.wasted_nanousd == 20_000_007 + 300_000_011 + 4_000_000_013 + 600_000_000_019
    assert (impact.calls, impact.spent_nanousd) == (7, 654_321_000_070)
    assert {one.part: one.nanousd for one in impact.by_route} == {
        "chat": 20_000_007 + 4_000_000_013 + 600_000_000_019,
        "support": 300_000_011,
    }
    assert [(one.part, one.nanousd) for one in impact.by_day] == [(f"{NOON:%Y-%m-%d}", impact.wasted_nanousd)]
    assert [one.kind for one in impact.wastes if one.estimated] == ["hedged"]


def test_who_asks_the_same_later_or_is_another_user_or_key_did_not_ask_again(acme, planted):
    planted.call(10, asks="x", minute=0, user="ann")
    planted.call(10, asks="x", minute=11, user="ann")
    planted.call(10, asks="y", minute=0, user="ann")
    planted.call(10, asks="y", minute=1, user="ben")
    planted.call(10, asks="z", minute=0, key_id="key-1")
    planted.call(10, asks="z", minute=1, key_id="key-2")
    planted.call(10, asks="", minute=0)
    planted.call(10, asks="", minute=1)
    planted.write()
    assert waste_of(cost_impact(acme, DAY))["regenerated"] == (0, 0)


def test_a_failed_call_that_is_asked_again_counts_once(acme, planted):
    planted.call(70, asks="x", minute=0, fails="PROVIDER_TIMEOUT")
    planted.call(80, asks="x", minute=1)
    planted.write()
    impact = cost_impact(acme, DAY)
    assert waste_of(impact)["failed"] == (1, 70)
    assert impact.wasted_nanousd == 70


def test_kept_answers_and_calls_of_evaluations_are_no_waste(acme, planted):
    for minute in (0, 1):
        planted.call(5, asks="x", minute=minute, cached=True)
        planted.call(5, asks="y", minute=minute, tags={"source": "evaluation"})
    planted.write()
    assert cost_impact(acme, DAY).wasted_nanousd == 0


def test_calls_without_a_price_are_told_and_not_guessed(acme, planted):
    planted.call(None, fails="CLIENT_DISCONNECTED")
    planted.write()
    impact = cost_impact(acme, DAY)
    assert impact.wasted_nanousd == 0
    assert [one.price_unknown for one in impact.wastes if one.kind == "failed"] == [1]
    assert any("have no price" in note for note in impact.notes)


def test_other_tenants_waste_is_theirs(acme, planted):
    planted.call(9, fails="PROVIDER_TIMEOUT")
    planted.write()
    assert cost_impact(make_tenant(slug="globex"), DAY).wasted_nanousd == 0


def test_rules_say_what_it_costs_the_business(acme, planted):
    planted.call(0, fails="PROVIDER_TIMEOUT", route="checkout", tags={"plan": "paid"})
    planted.call(0, fails="PROVIDER_TIMEOUT", route="checkout", tags={"plan": "free"})
    planted.call(0, fails="CONTENT_BLOCKED", route="checkout", tags={"plan": "paid"})
    planted.write()
    create_impact_rule(
        tenant=acme, name="Lost order", route="checkout", tag="plan", tag_value="paid", nanousd=2_500_000_000
    )
    create_impact_rule(tenant=acme, name="Complaint", outcome="blocked", nanousd=7)
    create_impact_rule(tenant=acme, name="Off", nanousd=7, enabled=False)
    impact = cost_impact(acme, DAY)
    assert {one.name: (one.quantity, one.nanousd) for one in impact.business} == {
        "Lost order": (1, 2_500_000_000),
        "Complaint": (1, 7),
    }
    assert impact.business_nanousd == 2_500_000_007
    assert "1 call × $2.50 a call: failed calls over the route checkout with plan = paid." in impact.business[1].how


def test_minutes_of_incidents_that_overlap_count_once(acme):
    for start, end, severity in ((0, 10, "critical"), (5, 15, "critical"), (30, 31, "info")):
        Incident.objects.create(
            tenant=acme,
            title="x",
            severity=severity,
            began_at=NOON + timedelta(minutes=start),
            resolved_at=NOON + timedelta(minutes=end),
        )
    create_impact_rule(tenant=acme, name="Down", outcome="incident", severity="warning", nanousd=1_000)
    (found,) = cost_impact(acme, DAY).business
    assert (found.quantity, found.unit, found.nanousd) == (15, "minutes", 15_000)
