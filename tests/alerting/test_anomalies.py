"""Anomaly rules in the check: they learn from the minutes there are, go on after restarts, and find what is new."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from alerting import checking, memories, services
from alerting.courses import course_of
from alerting.incident_rows import Alert
from alerting.rules import AlertRule, AnomalyMemory
from contracts.tenant_scope import across_tenants
from tenants.models import Tenant
from tests.alerting.alert_rows import Minutes, make_rule
from tests.alerting.history import history

pytestmark = pytest.mark.django_db

DAY = 1440


def anomaly(tenant: Tenant | None, **fields: object) -> AlertRule:
    return make_rule(tenant, **{"kind": "anomaly", "threshold": None, "window_minutes": 1, "for_minutes": 1, **fields})


def memory_of(rule: AlertRule) -> AnomalyMemory:
    return AnomalyMemory.objects.get(tenant=rule.tenant_id, rule=rule)


def the_alert() -> Alert:
    with across_tenants("a test looks"):
        return Alert.objects.get()


def test_a_new_rule_learns_from_the_minutes_there_are_and_finds_a_regression_within_five(acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * DAY)
    rule = anomaly(acme)
    minutes.many(0, 10)
    assert minutes.check(10).fired == 0
    minutes.many(10, 16, errors=20)
    noticed = next(minute for minute in range(11, 30) if minutes.check(minute).fired)

    assert noticed - 10 <= 5
    alert = the_alert()
    assert alert.rule_id == rule.pk
    assert alert.summary.startswith("Error rate is 40%, at this time usually ")
    assert alert.summary.endswith(": all calls.")


def test_it_is_over_when_it_is_as_usual_again(acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * DAY)
    anomaly(acme)
    minutes.many(0, 6, errors=20)
    minutes.many(6, 16)
    assert minutes.check(6).fired == 1

    assert minutes.check(16).resolved == 1


def test_before_it_has_seen_a_day_it_says_nothing(acme, minutes: Minutes):
    history(acme, minutes.at(0), DAY // 2)
    anomaly(acme)
    minutes.many(0, 10, errors=40)

    assert minutes.check(10).fired == 0


def test_checks_minute_by_minute_find_what_one_check_after_a_pause_finds(acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * DAY)
    rule = anomaly(acme)
    minutes.many(0, 12)
    minutes.many(12, 18, errors=20)
    for minute in range(1, 29):
        minutes.check(minute)
    stepwise = the_alert()
    course = course_of(rule, int(minutes.at(0).timestamp()), int(minutes.at(28).timestamp()))

    assert [spell.began_at for spell in course.spells] == [stepwise.began_at]
    assert [spell.fired_at for spell in course.spells] == [stepwise.fired_at]


def test_what_was_learned_survives_and_is_not_learned_again(acme, minutes: Minutes, monkeypatch):
    history(acme, minutes.at(0), 2 * DAY)
    rule = anomaly(acme)
    minutes.many(0, 28)
    minutes.check(15)
    kept = memory_of(rule)
    assert len(bytes(kept.state)) <= 20_000
    learned = []
    monkeypatch.setattr(memories, "learn", lambda *given: learned.append(given))
    minutes.check(16)
    minutes.check(28)

    assert not learned
    assert memory_of(rule).learned_until > kept.learned_until
    assert memory_of(rule).learned_until <= minutes.at(28) - timedelta(minutes=15)


def test_a_check_that_dies_has_learned_nothing(acme, minutes: Minutes, monkeypatch):
    history(acme, minutes.at(0), 2 * DAY)
    rule = anomaly(acme)
    minutes.many(0, 28)
    minutes.check(10)
    before = memory_of(rule).learned_until

    def dies(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as dying:
        dying.setattr(checking, "_keep", dies)
        assert minutes.check(28).failed == 1
    assert memory_of(rule).learned_until == before
    assert minutes.check(28).failed == 0
    assert memory_of(rule).learned_until > before


def test_a_rule_of_another_signal_learns_anew(acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * DAY)
    rule = anomaly(acme)
    minutes.many(0, 20)
    minutes.check(10)
    before = memory_of(rule).of
    services.update_rule(rule=rule, signal="cost_per_call")
    minutes.check(20)

    assert memory_of(rule).of != before


def test_of_a_long_pause_the_time_of_the_day_is_kept(acme, minutes: Minutes):
    history(acme, minutes.at(0), 2 * DAY)
    rule = anomaly(acme)
    minutes.many(0, 20)
    minutes.check(10)
    with across_tenants("as if nobody had checked for four days"):
        AnomalyMemory.objects.filter(rule=rule).update(learned_until=minutes.at(0) - timedelta(days=4))

    assert minutes.check(20).failed == 0
    assert memory_of(rule).learned_until > minutes.at(0) - timedelta(minutes=30)


def test_few_rules_learn_at_once_and_the_others_later(acme, minutes: Minutes, monkeypatch):
    monkeypatch.setattr(memories, "MOST_LEARNED", 1)
    history(acme, minutes.at(0), 2 * DAY)
    anomaly(acme)
    anomaly(acme, name="Costs", signal="cost_per_call")
    minutes.many(0, 20)
    minutes.check(10)
    with across_tenants("a test looks"):
        assert AnomalyMemory.objects.count() == 1
        minutes.check(11)
        assert AnomalyMemory.objects.count() == 2


def test_rules_of_the_platform_remember_too(acme, minutes: Minutes):
    history(None, minutes.at(0), 2 * DAY)
    rule = anomaly(None)
    minutes.many(0, 20)
    minutes.check(15)
    minutes.check(29)

    assert AnomalyMemory.objects.get(tenant=None, rule=rule).learned_until > minutes.at(0) - timedelta(minutes=15)


@pytest.mark.parametrize(
    "fields",
    [
        {"signal": ""},
        {"signal": "latency_p95", "segment_kind": "route", "segment": "chat"},
        {"tolerance": -0.1},
        {"sensitivity": "extreme"},
    ],
)
def test_what_an_anomaly_rule_needs_is_said(acme, fields):
    with pytest.raises(ValidationError):
        anomaly(acme, **fields)


def test_a_limit_has_one_side(acme):
    with pytest.raises(ValidationError, match="one side"):
        make_rule(acme, operator="both")
