from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from insights.models import AdviceDecision, ImpactRule
from insights.services import create_impact_rule
from tenants import services
from tenants.models import ApiKey
from tests.insights.planted_calls import DAY, Planted
from tests.tenants.factories import make_tenant
from tests.tenants.pages.people import body_of, client_of, member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(acme):
    return client_of(member(acme, "owner", username="owner.person"))


def page(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer
    return str(body_of(answer))


@pytest.fixture
def old_key(acme) -> ApiKey:
    key, _ = services.create_key(tenant=acme, name="old")
    ApiKey.objects.for_tenant(acme).filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=61))
    return key


def test_an_empty_workspace_says_what_to_do(owner):
    shown = page(owner, "/t/acme/savings/")
    assert "Nothing to recommend" in shown
    assert "No calls in this time" in shown
    assert "Say what a failed call or a minute of an incident costs you" in shown


def test_waste_is_shown_with_how_it_was_worked_out(acme, owner):
    planted = Planted(acme)
    planted.call(2_000_000_000)
    planted.call(1_500_000_000, fails="CLIENT_DISCONNECTED")
    planted.write()
    create_impact_rule(tenant=acme, name="Lost order", nanousd=3_000_000_000)
    shown = page(owner, "/t/acme/savings/")
    assert "$1.50" in shown
    assert "What the ledger has billed for calls that ended in an error" in shown
    assert "1 call × $3.00 a call: failed calls." in shown
    other_month = "last-month" if DAY.start.month == timezone.now().month else "month"
    assert "$1.50" not in page(owner, f"/t/acme/savings/?range={other_month}")


def test_a_recommendation_is_put_aside_and_taken_back(acme, owner, old_key):
    key = f"unused_key:{old_key.pk}"
    assert "Revoke the key old" in page(owner, "/t/acme/savings/")
    owner.post("/t/acme/savings/advice/", {"key": key, "do": "30"})
    row = AdviceDecision.objects.for_tenant(acme).get()
    assert (row.state, row.decided_by) == ("snoozed", "owner.person")
    assert "1 put aside" in page(owner, "/t/acme/savings/")
    owner.post("/t/acme/savings/advice/", {"key": key, "do": "open"})
    assert not AdviceDecision.objects.for_tenant(acme).exists()


@pytest.mark.parametrize("sent", [{"key": "unknown", "do": "30"}, {"key": "", "do": "dismiss"}, {"do": "open"}])
def test_what_is_not_there_is_not_put_aside(acme, owner, sent):
    answer = owner.post("/t/acme/savings/advice/", sent, follow=True)
    assert answer.status_code == 200
    assert not AdviceDecision.objects.for_tenant(acme).exists()


def test_a_rule_is_made_changed_and_deleted(acme, owner):
    sent = {"name": "Lost order", "outcome": "failed", "route": "checkout", "dollars": "2.5", "enabled": "on"}
    owner.post("/t/acme/savings/rules/new/", sent)
    rule = ImpactRule.objects.for_tenant(acme).get()
    assert (rule.nanousd, rule.route) == (2_500_000_000, "checkout")
    address = f"/t/acme/savings/rules/{rule.pk}/"
    assert "checkout" in page(owner, address)
    owner.post(address, {**sent, "dollars": "3"})
    rule.refresh_from_db()
    assert rule.nanousd == 3_000_000_000
    owner.post(f"{address}delete/")
    assert not ImpactRule.objects.for_tenant(acme).exists()


def test_what_was_typed_stays_where_it_is_refused(acme, owner):
    sent = {"name": "Down", "outcome": "incident", "route": "checkout", "dollars": "2.5"}
    shown = str(body_of(owner.post("/t/acme/savings/rules/new/", sent)))
    assert "Incidents are counted as a whole" in shown
    assert 'value="checkout"' in shown
    assert not ImpactRule.objects.for_tenant(acme).exists()


def test_who_sees_no_costs_sees_none_of_it(acme):
    viewer = client_of(member(acme, "developer", username="dev.person"))
    answer = viewer.get("/t/acme/savings/")
    assert answer.status_code in (200, 403)
    if answer.status_code == 200:
        assert viewer.post("/t/acme/savings/advice/", {"key": "x", "do": "dismiss"}).status_code == 403


def test_rules_of_another_tenant_are_unknown(owner):
    other = create_impact_rule(tenant=make_tenant(slug="globex"), name="Theirs", nanousd=1)
    assert owner.get(f"/t/acme/savings/rules/{other.pk}/").status_code == 404
    assert owner.post(f"/t/acme/savings/rules/{other.pk}/delete/").status_code == 404
