"""Pages of anomaly rules, and the rules that are recommended."""

from __future__ import annotations

import pytest

from alerting.objectives import SLO
from alerting.rules import AlertRule
from tests.alerting.alert_rows import Minutes
from tests.alerting.history import history
from tests.alerting.pages.conftest import body

pytestmark = pytest.mark.django_db

RULE = {
    "name": "Unusual errors",
    "kind": "anomaly",
    "signal": "error_rate",
    "operator": "above",
    "sensitivity": "high",
    "tolerance": "4",
    "calls": "all",
    "window_minutes": "1",
    "for_minutes": "2",
    "clear_minutes": "5",
    "min_requests": "5",
    "severity": "critical",
    "enabled": "on",
}


def test_a_rule_of_what_is_unusual_is_made_and_changed(developer, acme):
    developer.post("/t/acme/alerts/new/", RULE)

    rule = AlertRule.objects.get(tenant=acme)
    assert (rule.kind, rule.sensitivity, rule.threshold) == ("anomaly", "high", None)
    assert rule.tolerance == pytest.approx(0.04)
    assert "Error rate above what is usual" in body(developer.get("/t/acme/alerts/"))
    assert "3 of 5 min" in body(developer.get(f"/t/acme/alerts/{rule.pk}/"))
    assert 'value="4.0"' in body(developer.get(f"/t/acme/alerts/{rule.pk}/edit/"))


def test_before_it_is_saved_it_says_how_often_it_would_have_fired_and_what_is_usual(developer, acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * 1440)
    minutes.many(0, 6)
    minutes.many(6, 12, errors=20)
    minutes.many(12, 29)
    page = body(developer.post("/t/acme/alerts/new/", {**RULE, "name": ""}, headers={"X-Preview": "1"}))

    assert "It would have fired <strong>1 time</strong>." in page
    assert "Usual, up to" in page


def test_recommended_rules_are_added_once(developer, acme):
    assert "Add 7 recommended rules" in body(developer.get("/t/acme/alerts/"))
    developer.post("/t/acme/alerts/recommended/")

    assert SLO.objects.get(tenant=acme).name == "Availability"
    kinds = list(AlertRule.objects.filter(tenant=acme).order_by("kind").values_list("kind", flat=True))
    assert kinds == ["anomaly"] * 6 + ["burn_rate"]
    assert "recommended rule" not in body(developer.get("/t/acme/alerts/"))
    answer = developer.post("/t/acme/alerts/recommended/", follow=True)
    assert "All recommended rules are there already." in answer.content.decode()


def test_the_platform_has_its_own(operator, acme):
    operator.post("/console/alerts/recommended/")

    assert AlertRule.objects.filter(tenant=None).count() == 7
    assert not AlertRule.objects.filter(tenant=acme).exists()


def test_viewers_are_offered_none(as_member, acme):
    viewer = as_member("viewer")

    assert "recommended" not in body(viewer.get("/t/acme/alerts/"))
    assert viewer.post("/t/acme/alerts/recommended/").status_code == 403
