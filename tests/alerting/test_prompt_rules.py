"""Rules that look at how far prompts have moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from alerting.courses import course_of
from alerting.prompt_readings import usual_in
from alerting.recommended import recommended, recommended_for
from alerting.rules import AlertRule
from contracts.prompt_sums import DIMENSIONS, PromptSum
from evaluation.live.prompts import add_prompts
from tenants.models import Tenant
from tests.alerting.alert_rows import Minutes, incidents_of, make_rule, quiet
from tests.alerting.pages.conftest import as_member, body, developer

__all__ = ["as_member", "developer"]

pytestmark = pytest.mark.django_db


class Asked:
    """Prompts of some topics at chosen minutes."""

    def __init__(self, minutes: Minutes) -> None:
        usual_in.cache_clear()
        self._minutes = minutes
        self._chance = np.random.default_rng(1)
        self._topics = self._chance.normal(0, 1, (11, DIMENSIONS))

    def many(self, first: int, last: int, *, new: float = 0.0, prompts: int = 12, route: str = "chat") -> None:
        """Of each minute; a share of them of a topic that nobody asked about."""
        start_s = int(self._minutes.at(0).timestamp())
        sums = []
        for minute in range(first, last):
            topic = self._chance.integers(0, 10, prompts)
            topic[self._chance.random(prompts) < new] = 10
            vectors = self._topics[topic] + self._chance.normal(0, 1, (prompts, DIMENSIONS))
            total = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).sum(axis=0)
            sums.append(PromptSum(start_s + 60 * minute, route, prompts, total.astype("<f4").tobytes()))
        add_prompts(tenant_id=self._minutes.tenant.pk, sums=sums)

    def days_before(self, days: int = 3) -> None:
        """The same time of earlier days."""
        for day in range(1, days + 1):
            self.many(-1440 * day - 10, -1440 * day + 40)


@pytest.fixture
def asked(minutes: Minutes) -> Asked:
    return Asked(minutes)


def shift_rule(tenant: Tenant | None, **fields: Any) -> AlertRule:
    given = {"name": "Prompts", "signal": "prompt_shift", "window_minutes": 15, "for_minutes": 1, "min_requests": 5}
    return make_rule(tenant, **{**given, "threshold": 0.1, "severity": "warning", **fields})


def test_a_large_shift_of_prompts_is_alerted_within_five_minutes(acme: Tenant, minutes: Minutes, asked: Asked):
    rule = shift_rule(acme)
    asked.days_before()
    asked.many(0, 12)
    asked.many(12, 20, new=0.5)
    with quiet():
        noticed = next(minute for minute in range(8, 30) if minutes.check(minute).fired)

    assert 12 < noticed <= 17
    [incident] = incidents_of(acme)
    assert "Shift of prompts is" in incident.alerts.get().summary
    course = course_of(rule, int(minutes.at(0).timestamp()), int(minutes.at(20).timestamp()))
    assert course.known
    assert [spell.ended_at for spell in course.spells] == [None]


def test_prompts_as_they_were_alert_nobody(acme: Tenant, minutes: Minutes, asked: Asked):
    rule = shift_rule(acme)
    asked.days_before()
    asked.many(0, 20)
    with quiet():
        assert sum(minutes.check(minute).fired for minute in range(3, 20)) == 0
    course = course_of(rule, int(minutes.at(0).timestamp()), int(minutes.at(20).timestamp()))
    assert course.known
    assert {value for value in course.values if value is not None} == {0.0}


def test_a_route_is_held_against_its_own_prompts(acme: Tenant, minutes: Minutes, asked: Asked):
    shift_rule(acme, segment_kind="route", segment="chat")
    asked.days_before()
    asked.many(0, 20)
    asked.many(5, 20, new=1.0, route="other")
    with quiet():
        assert sum(minutes.check(minute).fired for minute in range(3, 20)) == 0
        asked.many(12, 20, new=1.0)
        assert sum(minutes.check(minute).fired for minute in range(20, 22)) == 1


def test_without_a_past_nothing_can_be_told(acme: Tenant, minutes: Minutes, asked: Asked):
    rule = shift_rule(acme)
    asked.many(0, 20)
    with quiet():
        assert sum(minutes.check(minute).fired for minute in range(3, 20)) == 0
    assert not course_of(rule, int(minutes.at(0).timestamp()), int(minutes.at(20).timestamp())).known


def test_a_new_tenants_prompts_are_held_against_the_hours_before(acme: Tenant, minutes: Minutes, asked: Asked):
    shift_rule(acme)
    asked.many(-240, 12)
    asked.many(12, 20, new=0.5)
    with quiet():
        assert sum(minutes.check(minute).fired for minute in range(10, 20)) == 1


def test_prompts_are_a_tenants_own(acme: Tenant):
    with pytest.raises(ValidationError, match="a tenant's rule"):
        shift_rule(None)
    with pytest.raises(ValidationError, match="by themselves"):
        shift_rule(acme, segment_kind="model", segment="gpt")


def test_the_rule_is_recommended_where_prompts_are_added_up(acme: Tenant, minutes: Minutes, asked: Asked):
    assert "Shift of prompts" not in [one.name for one in recommended_for(acme)]
    asked.many(0, 5)
    assert "Shift of prompts" in [one.name for one in recommended_for(acme)]
    (one,) = [one for one in recommended(50, (), 12.0) if one.name == "Shift of prompts"]
    assert (one.fields["kind"], one.fields["window_minutes"], one.fields["for_minutes"]) == ("threshold", 15, 1)


def test_the_rules_page_draws_the_shift(acme: Tenant, minutes: Minutes, asked: Asked, developer: Client):
    rule = shift_rule(acme)
    asked.days_before()
    asked.many(0, 25)
    page = body(developer.get(f"/t/acme/alerts/{rule.pk}/"))
    assert "Shift of prompts" in page
    assert "data-chart" in page
