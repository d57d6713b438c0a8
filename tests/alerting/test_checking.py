"""Rules over the sums by the minute: found in time, once, and made up for after a pause."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alerting import incidents, services
from alerting.checking import LEASE, Checked, check_all
from alerting.incident_rows import Alert, Incident, IncidentEntry
from alerting.rules import CheckRun, RuleState
from contracts.tenant_scope import across_tenants
from tests.alerting.alert_rows import Minutes, incidents_of, make_rule
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def alerts() -> list[Alert]:
    with across_tenants("a test looks"):
        return list(Alert.objects.select_related("incident"))


def test_a_regression_is_noticed_within_five_minutes_of_its_first_minute(acme, minutes: Minutes):
    make_rule(acme, window_minutes=5)
    minutes.many(0, 10)
    minutes.many(10, 16, errors=20)
    noticed = next(minute for minute in range(8, 30) if minutes.check(minute).fired)

    assert noticed - 10 <= 5
    (alert,) = alerts()
    assert alert.began_at >= minutes.at(10)
    assert alert.fired_at <= minutes.at(noticed)
    assert alert.summary.startswith("Error rate is ")


def test_done_twice_it_does_nothing_more(acme, minutes: Minutes):
    make_rule(acme)
    minutes.many(0, 10, errors=25)

    assert minutes.check(10).fired == 1
    assert minutes.check(10) == Checked(rules=1)
    assert len(alerts()) == 1


def test_it_is_over_when_all_is_well_again_and_so_is_the_incident(acme, minutes: Minutes):
    make_rule(acme)
    minutes.many(0, 6, errors=25)
    minutes.many(6, 14)
    minutes.check(6)
    assert minutes.check(14).resolved == 1

    (incident,) = incidents_of(acme)
    assert incident.state == Incident.State.RESOLVED
    assert incident.resolved_by == ""
    kinds = [entry.kind for entry in IncidentEntry.objects.filter(tenant=acme, incident=incident)]
    assert kinds == ["opened", "alert_resolved", "resolved"]
    assert minutes.check(15) == Checked(rules=1)


def test_after_a_pause_what_was_missed_is_made_up_for(acme, minutes: Minutes):
    make_rule(acme)
    minutes.many(0, 30)
    minutes.check(2)
    minutes.many(8, 12, errors=40)

    done = minutes.check(29)

    assert (done.fired, done.resolved) == (1, 1)


def test_data_that_come_late_count(acme, minutes: Minutes):
    make_rule(acme)
    minutes.many(0, 10)
    assert minutes.check(10).fired == 0
    minutes.many(4, 8, requests=100, errors=100)

    assert minutes.check(10).fired == 1


def test_a_missing_signal_is_no_alarm_and_a_silent_tenant_is_one_where_calls_are_expected(acme, minutes: Minutes):
    make_rule(acme)
    make_rule(acme, name="Silence", kind="absence", signal="", threshold=None, window_minutes=5, min_requests=20)
    minutes.many(0, 10)

    assert minutes.check(12).fired == 0
    assert minutes.check(18).fired == 1
    assert alerts()[0].summary == "No call for 5 minutes: all calls."


def test_calls_that_come_back_end_an_absence(acme, minutes: Minutes):
    make_rule(acme, kind="absence", signal="", threshold=None, window_minutes=5, min_requests=20)
    minutes.many(0, 10)
    minutes.check(18)
    minutes.many(20, 24)

    assert minutes.check(24).resolved == 1


def test_a_burning_budget_pages_by_two_windows(acme, minutes: Minutes):
    slo = services.create_slo(tenant=acme, name="Answers", objective=0.99)
    make_rule(acme, kind="burn_rate", signal="", threshold=None, slo=slo)
    minutes.many(0, 10)
    assert minutes.check(10).fired == 0
    minutes.many(10, 20, errors=25)

    assert minutes.check(20).fired == 1
    (alert,) = alerts()
    assert alert.severity == "critical"
    assert "error budget of “Answers” burns at" in alert.summary


def test_a_latency_objective_reads_the_histograms(acme, minutes: Minutes):
    slo = services.create_slo(tenant=acme, name="Fast", kind="latency", limit=2_000, objective=0.95)
    make_rule(acme, kind="burn_rate", signal="", threshold=None, slo=slo)
    minutes.many(0, 10, bucket=80)
    assert minutes.check(10).fired == 0
    minutes.many(10, 25, bucket=110)

    assert minutes.check(25).fired == 1


def test_rules_of_the_platform_look_at_all_tenants_together(acme, minutes: Minutes):
    make_rule(None)
    other = Minutes(make_tenant())
    minutes.many(0, 10)
    other.many(0, 10, requests=100, errors=60)

    assert minutes.check(10).fired == 1
    (incident,) = incidents_of(None)
    assert incident.tenant_id is None


def test_two_rules_that_fire_together_are_one_incident(acme, minutes: Minutes):
    make_rule(acme)
    make_rule(acme, name="Slow", signal="latency_p95", threshold=3_000, severity="warning")
    minutes.many(0, 10, errors=25, bucket=110)

    assert minutes.check(10).fired == 2
    (incident,) = incidents_of(acme)
    assert len(alerts()) == 2
    assert incident.severity == "critical"


def test_a_rule_that_fires_again_soon_goes_on_with_its_incident(acme, minutes: Minutes):
    make_rule(acme)
    minutes.many(0, 4, errors=25)
    minutes.many(4, 10)
    minutes.many(10, 16, errors=25)
    for minute in range(1, 17):
        minutes.check(minute)

    (incident,) = incidents_of(acme)
    assert (incident.state, incident.opened_times, len(alerts())) == ("open", 2, 2)


def test_what_a_person_resolved_stays_so_for_what_was_there_before(acme, minutes: Minutes):
    make_rule(acme)
    minutes.many(0, 29, errors=25)
    minutes.check(10)
    incidents.resolve(incident=incidents_of(acme)[0])

    assert minutes.check(29).fired == 0


def test_a_rule_that_says_something_else_begins_anew(acme, minutes: Minutes):
    rule = make_rule(acme)
    minutes.many(0, 10, errors=25)
    minutes.check(10)

    services.update_rule(rule=rule, threshold=0.9)

    assert incidents_of(acme)[0].state == "resolved"
    assert RuleState.objects.get(tenant=acme, rule=rule).phase == "ok"


def test_one_broken_rule_keeps_the_others_from_nothing(acme, minutes: Minutes, monkeypatch):
    broken = make_rule(acme, name="Broken")
    make_rule(acme)
    minutes.many(0, 10, errors=25)
    minutes.check(1)
    with across_tenants("as nobody would"):
        type(broken).objects.filter(pk=broken.pk).update(signal="gone")

    done = minutes.check(10)

    assert (done.fired, done.failed) == (1, 1)
    assert RuleState.objects.get(tenant=acme, rule=broken).error == "KeyError"


def test_only_one_checks_at_a_time_and_a_dead_one_is_followed():
    CheckRun.objects.create(id=1, owner="other:1", taken_at=timezone.now())
    assert check_all().skipped

    CheckRun.objects.update(taken_at=timezone.now() - LEASE - timedelta(seconds=1))
    assert not check_all().skipped
    run = CheckRun.objects.get()
    assert run.owner == ""
    assert run.finished_at is not None


def test_tenants_that_are_suspended_are_not_looked_at(acme, minutes: Minutes):
    make_rule(acme)
    acme.active = False
    acme.save()

    assert minutes.check(10) == Checked()
