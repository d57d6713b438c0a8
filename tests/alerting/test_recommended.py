"""What is recommended fits how much is called."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.recommended import ENOUGH_CALLS, LEAST_CALLS, Scored, add_recommended, recommended, window_for
from alerting.rules import AlertRule
from tests.alerting.alert_rows import make_rule
from tests.controlplane.pages import traffic

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("calls", "window"), [(0, 15), (1, 15), (4, 5), (20, 1), (500, 1)])
def test_few_calls_are_looked_at_over_more_minutes(calls: float, window: int):
    assert window_for(calls, ENOUGH_CALLS) == window
    windows = {one.fields["window_minutes"] for one in recommended(calls) if not one.is_objective}
    assert windows == {window}


def test_a_busy_owners_rules_look_at_single_minutes(acme):
    traffic.calls(acme, 50_000, ago=timedelta(hours=6))
    rules = add_recommended(tenant=acme)

    assert len(rules) == 7
    assert {rule.window_minutes for rule in rules if rule.kind == "anomaly"} == {1}
    assert {rule.min_requests for rule in rules if rule.kind == "anomaly"} == {LEAST_CALLS}


def test_rules_of_the_same_name_are_left_alone(acme):
    mine = make_rule(acme, name="Unusual errors")
    add_recommended(tenant=acme)

    mine.refresh_from_db()
    assert mine.kind == "threshold"
    assert AlertRule.objects.filter(tenant=acme, name="Unusual errors").count() == 1


def test_where_live_calls_are_scored_low_scores_are_watched():
    (low,) = [one for one in recommended(50, [Scored("Groundedness", 1.5)]) if one.fields.get("signal") == "score"]

    assert (low.fields["evaluator"], low.fields["operator"]) == ("Groundedness", "below")
    assert low.fields["window_minutes"] == 10
