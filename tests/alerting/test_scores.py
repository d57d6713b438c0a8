"""Rules and objectives over scores of live calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from alerting import services
from alerting.budget_course import budget_course
from alerting.courses import course_of
from alerting.objectives import SLO
from alerting.rules import AlertRule
from events.traffic.measures import Kind
from events.traffic.scores import UNIT, parts_of
from tenants.models import Tenant
from tests.alerting.alert_rows import Minutes, make_rule
from tests.alerting.pages.conftest import as_member, body, developer
from tests.controlplane.pages import traffic

__all__ = ["as_member", "developer"]

pytestmark = pytest.mark.django_db


class Scores:
    """Scores at chosen minutes."""

    def __init__(self, minutes: Minutes) -> None:
        self._minutes = minutes

    def many(self, first: int, last: int, score: float, number: int = 20, route: str = "chat", by: str = "Grounded"):
        """So many of each minute."""
        for minute in range(first, last):
            at = self._minutes.at(minute) + timedelta(seconds=5)
            for part in parts_of(by, score, route=route, model="gpt"):
                figures = {"requests": number, "cost_nanousd": round(score * UNIT) * number}
                traffic._add(str(self._minutes.tenant.pk), Kind.SCORE, str(part), at, figures)


@pytest.fixture
def scores(minutes: Minutes) -> Scores:
    return Scores(minutes)


def quality(tenant: Tenant, **fields: Any) -> AlertRule:
    given = {"signal": "score", "evaluator": "Grounded", "operator": "below", "threshold": 0.7, "name": "Quality"}
    return make_rule(tenant, **{**given, **fields})


def test_a_fall_of_the_score_is_noticed_within_five_minutes(acme: Tenant, minutes: Minutes, scores: Scores):
    rule = quality(acme, window_minutes=5)
    scores.many(0, 10, 0.9)
    scores.many(10, 18, 0.3)
    scores.many(10, 18, 1.0, number=5_000, by="Polite")
    noticed = next(minute for minute in range(8, 30) if minutes.check(minute).fired)

    assert noticed - 10 <= 5
    course = course_of(rule, int(minutes.at(0).timestamp()), int(minutes.at(18).timestamp()))
    assert len(course.spells) == 1
    assert course.values[5] == pytest.approx(0.9)


def test_a_route_is_looked_at_by_itself_and_few_scores_tell_nothing(acme: Tenant, minutes: Minutes, scores: Scores):
    quality(acme, segment_kind="route", segment="chat", min_requests=30)
    scores.many(0, 20, 0.2, route="other")
    scores.many(0, 10, 0.2, number=10)
    assert sum(minutes.check(minute).fired for minute in range(3, 12)) == 0
    scores.many(12, 20, 0.2)
    assert sum(minutes.check(minute).fired for minute in range(12, 20)) == 1


def test_an_objective_counts_scores_from_its_limit_on_as_good(acme: Tenant, minutes: Minutes, scores: Scores):
    slo = services.create_slo_with_rule(
        tenant=acme, name="Grounded", kind="score", evaluator="Grounded", limit=0.7, objective=0.8
    )
    scores.many(0, 10, 0.7, number=18)
    scores.many(0, 10, 0.69, number=2)
    course = budget_course(slo, slo.scope, int(minutes.at(30).timestamp()))
    assert (course.good, course.total) == (180, 200)
    assert course.left == pytest.approx(0.5)

    assert minutes.check(11).fired == 0
    scores.many(12, 20, 0.1)
    assert sum(minutes.check(minute).fired for minute in range(13, 21)) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "score", "limit": 0.7}, "evaluator"),
        ({"kind": "score", "evaluator": "Grounded", "limit": 0.72}, "limit"),
        ({"kind": "score", "evaluator": "Grounded", "limit": 1.5}, "limit"),
        (
            {"kind": "score", "evaluator": "Grounded", "limit": 0.7, "segment_kind": "key", "segment": "k"},
            "segment_kind",
        ),
        ({"kind": "latency", "evaluator": "Grounded", "limit": 100}, "evaluator"),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(acme: Tenant, fields: dict[str, Any], field: str):
    with pytest.raises(ValidationError) as refused:
        services.create_slo(tenant=acme, name="Wrong", **fields)
    assert field in refused.value.message_dict


def test_a_rule_over_scores_names_its_evaluator_and_no_other_rule_does(acme: Tenant):
    with pytest.raises(ValidationError, match="Say whose scores"):
        quality(acme, evaluator="")
    with pytest.raises(ValidationError, match="Only scores have an evaluator"):
        make_rule(acme, evaluator="Grounded")


def test_forms_offer_the_evaluators_whose_scores_there_are(developer: Client, acme: Tenant, scores: Scores):
    assert "None scores live calls yet" in body(developer.get("/t/acme/alerts/new/"))
    scores.many(0, 2, 0.9)
    sent = {"name": "Quality", "kind": "threshold", "signal": "score", "operator": "below", "threshold": "70"}
    times = {"window_minutes": "5", "for_minutes": "2", "clear_minutes": "5", "min_requests": "5"}
    form = {**sent, **times, "calls": "all", "severity": "warning", "enabled": "on"}

    assert "Say whose scores." in body(developer.post("/t/acme/alerts/new/", form))
    developer.post("/t/acme/alerts/new/", {**form, "evaluator": "Grounded"})
    rule = AlertRule.objects.get(tenant=acme)
    assert (rule.evaluator, rule.threshold) == ("Grounded", 0.7)
    assert "Score by “Grounded” below 70% for 2 min" in body(developer.get("/t/acme/alerts/"))
    developer.post(f"/t/acme/alerts/{rule.pk}/edit/", {**form, "signal": "error_rate", "evaluator": "Grounded"})
    assert AlertRule.objects.get(tenant=acme).evaluator == ""


def test_an_objective_over_scores_is_made_from_its_form(developer: Client, acme: Tenant, scores: Scores):
    scores.many(0, 2, 0.9)
    sent = {"name": "Grounded", "kind": "score", "objective": "95", "window_days": "7", "calls": "all", "enabled": "on"}
    developer.post("/t/acme/slos/new/", {**sent, "evaluator": "Grounded", "score": "75"})

    slo = SLO.objects.get(tenant=acme)
    assert (slo.limit, slo.evaluator) == (0.75, "Grounded")
    page = body(developer.get(f"/t/acme/slos/{slo.pk}/"))
    assert "95% of scored calls have at least 75% by “Grounded” over 7 days" in page
    assert 'value="75" selected' in body(developer.get(f"/t/acme/slos/{slo.pk}/edit/"))
