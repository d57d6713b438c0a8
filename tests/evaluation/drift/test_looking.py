"""Monitors over planted calls and samples: what is found, what is not, who looks, and what people are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from django.core.exceptions import ValidationError

from alerting.incident_rows import Alert, Incident
from contracts.events import GuardrailMatched
from evaluation.drift import keeping, reading, services
from evaluation.drift.keeping import claimed, drop_old, look_at_due, look_once
from evaluation.drift.looks import look
from evaluation.models import DriftCheck, DriftFinding, DriftMonitor, DriftState
from events.models import RunState
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.evaluation.drift.planted_calls import (
    HOUR,
    NOW,
    calls,
    found_in,
    looked,
    monitor_of,
    new_ones,
    samples,
    usual,
)
from tests.gateway.pages.runs import kept_events, tell
from tests.tenants.factories import make_tenant

__all__ = ["kept_events"]

pytestmark = pytest.mark.django_db
CALLS = ["latency", "cost", "input_length", "output_length", "failures", "finish"]


@pytest.fixture(autouse=True)
def _nothing_is_sent():
    with patch("alerting.tasks.deliver.apply_async"):
        yield


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks) -> Iterator[list]:
    events: list = []
    monkeypatch.setattr("evaluation.drift.telling.emit", lambda event, _context: events.append(event))
    with django_capture_on_commit_callbacks(execute=True):
        yield events


def two_hours(tenant: Tenant, *, now=None, seed: int = 1, count: int = 300, **fixed) -> None:
    """An hour as usual, and one with other calls."""
    calls(tenant, count, NOW - 2 * HOUR, NOW - HOUR, seed=seed, **fixed)
    calls(tenant, count, NOW - HOUR, NOW, seed=seed + 1, fields=now or usual, **fixed)


def slow(chance):
    return {**usual(chance), "duration_ms": float(chance.lognormal(7.2, 0.5))}


def test_calls_that_became_slower_are_found_and_nothing_else_is(acme: Tenant):
    two_hours(acme, now=slow)
    monitor = monitor_of(acme, signals=CALLS)

    check = looked(monitor)

    found = found_in(check)
    assert [signal for signal, _ in found if found[signal, ""].drifted] == ["latency"]
    row = found["latency", ""]
    assert row.test == "ks"
    assert row.q is not None
    assert row.q < 0.001
    assert row.effect is not None
    assert row.effect > 0.3
    assert row.figures["median"][1] > 1.6 * row.figures["median"][0]
    assert (check.calls, check.reference_calls, check.tests) == (300, 300, 6)
    assert len(row.examples) == 10
    assert all(float(one["value"]) > row.figures["median"][0] for one in row.examples)
    assert sum(row.shape["now"]) == pytest.approx(1, abs=0.001)
    assert DriftState.objects.for_tenant(acme).get().phase == "drifted"


def test_calls_that_stay_as_they_are_are_left_alone_over_twenty_seeds(acme: Tenant):
    monitor = monitor_of(acme, signals=CALLS, least_effects=dict.fromkeys(CALLS, 0))
    end, hits = NOW, 0
    calls(acme, 150, NOW - HOUR, NOW, seed=0)
    for seed in range(20):
        end += HOUR
        calls(acme, 150, end - HOUR, end, seed=seed + 1)
        check, _ = look(monitor, now=end)
        hits += check.drifted > 0
    # A twentieth of the looks at most: three of twenty come by chance with 7.5 %, four with 1.6 %.
    assert hits <= 3


def test_failures_and_guardrail_hits_are_found_as_shares(acme: Tenant, kept_events):
    failing = lambda chance: {**usual(chance), "state": RunState.FAILED if chance.random() < 0.2 else 3}  # noqa: E731
    calls(acme, 200, NOW - 2 * HOUR, NOW - HOUR, seed=1)
    rows = calls(acme, 200, NOW - HOUR, NOW, seed=2, fields=failing)
    said: dict[str, Any] = {"policy_id": "p", "policy": "p", "version": 1, "rule_id": "r", "rule": "r", "kind": "words"}
    hit = GuardrailMatched(**said, stage="input", action="flag", entities={"words": 1})
    for row in rows[:40]:
        tell(row, hit, 5).save()
    check = looked(monitor_of(acme, signals=["failures", "guardrails"]))

    found = found_in(check)
    assert found["failures", ""].drifted
    assert found["guardrails", ""].drifted
    assert found["guardrails", ""].effect == pytest.approx(0.2)
    assert {one["value"] for one in found["guardrails", ""].examples} == {"yes"}


def test_what_moved_in_one_route_is_found_there(acme: Tenant):
    two_hours(acme)
    two_hours(acme, route="billing", now=slow, seed=5)
    check = looked(monitor_of(acme, segment_by="route"))

    found = found_in(check)
    assert found["latency", "billing"].drifted
    assert not found["latency", "support"].drifted
    assert {segment for _, segment in found} == {"", "billing", "support"}


def test_only_calls_that_the_monitor_asks_for_are_looked_at(acme: Tenant):
    two_hours(acme, now=slow, route="billing")
    two_hours(acme, seed=5)
    two_hours(acme, now=slow, tags={"source": "judge"}, seed=9)

    check = looked(monitor_of(acme, route="support"))

    assert (check.calls, check.drifted) == (300, 0)


def test_calls_of_another_tenant_are_not_looked_at(acme: Tenant):
    other = make_tenant(slug="other", name="Other")
    two_hours(other, now=slow)
    samples(other, 150, NOW - HOUR, NOW, seed=1)

    check = looked(monitor_of(acme, signals=["latency", "input_meaning"]))

    assert (check.outcome, check.calls, check.samples) == ("cannot_tell", 0, 0)
    assert "0 in the window" in check.why


def test_a_night_is_no_drift_beside_other_nights_and_is_one_beside_the_day(acme: Tenant):
    """Calls by night are others than those by day, each day; NOW is noon."""
    midnight = NOW + 12 * HOUR
    for day in range(5):
        end = midnight - timedelta(days=day)
        calls(acme, 120, end - HOUR, end, seed=day, fields=slow)
        calls(acme, 120, end - 2 * HOUR, end - HOUR, seed=10 + day)

    by_day = looked(monitor_of(acme, name="Same hours", reference="daily", periods=4), midnight)
    before = looked(monitor_of(acme, name="Before", reference="previous"), midnight)

    assert (by_day.outcome, by_day.reference_calls) == ("steady", 480)
    assert before.outcome == "drifted"


def test_days_that_differ_among_themselves_are_not_drift(acme: Tenant):
    """Each day has a pace of its own; the last one's is no stranger than the others'."""
    for day, pace in enumerate((6.7, 6.4, 6.9, 6.5, 6.75, 6.35, 6.85)):
        end = NOW - timedelta(days=day)
        own = lambda chance, pace=pace: {**usual(chance), "duration_ms": float(chance.lognormal(pace, 0.4))}  # noqa: E731
        calls(acme, 150, end - HOUR, end, seed=day, fields=own)
    check = looked(monitor_of(acme, reference="daily", periods=6))

    row = found_in(check)["latency", ""]
    assert row.q is not None
    assert row.usual is not None
    assert row.effect is not None
    assert row.q < 0.05
    assert not row.drifted
    assert row.usual > row.effect > row.least


def test_prompts_about_something_new_are_found_with_examples(acme: Tenant):
    samples(acme, 300, NOW - 2 * HOUR, NOW - HOUR, seed=1)
    rows = samples(acme, 200, NOW - HOUR, NOW, seed=2, share_of_new=0.3)
    check = looked(monitor_of(acme, signals=["input_meaning", "refusals", "input_language"]))

    found = found_in(check)
    assert found["input_meaning", ""].drifted
    assert found["input_meaning", ""].test == "mmd"
    assert not found["input_language", ""].drifted
    new = {rows[place].run_id for place in new_ones(200, seed=2, share_of_new=0.3)}
    assert sum(one["id"] in new for one in found["input_meaning", ""].examples) >= 8


def test_samples_without_embeddings_cannot_be_told(acme: Tenant):
    samples(acme, 300, NOW - 2 * HOUR, NOW - HOUR, seed=1, embedded=False)
    samples(acme, 200, NOW - HOUR, NOW, seed=2, embedded=False)

    check = looked(monitor_of(acme, signals=["input_meaning"]))

    assert check.outcome == "cannot_tell"
    assert "0 in the window and 0 in the reference" in check.why
    assert DriftState.objects.for_tenant(acme).get().phase == "cannot_tell"


def test_a_language_that_is_new_is_named(acme: Tenant):
    samples(acme, 300, NOW - 2 * HOUR, NOW - HOUR, seed=1)
    samples(acme, 150, NOW - HOUR, NOW, seed=2)
    samples(acme, 50, NOW - HOUR, NOW, seed=3, input_language="de")

    row = found_in(looked(monitor_of(acme, signals=["input_language"])))["input_language", ""]

    assert row.drifted
    assert row.effect == pytest.approx(0.25)
    assert {one["value"] for one in row.examples} == {"de"}


def test_drift_opens_an_incident_and_its_end_closes_it(acme: Tenant, told: list):
    two_hours(acme, now=slow)
    monitor = monitor_of(acme, severity="critical")
    looked(monitor)

    incident = Incident.objects.for_tenant(acme).get()
    alert = Alert.objects.for_tenant(acme).get()
    assert (incident.title, incident.severity, incident.state) == ("Support", "critical", "open")
    assert (alert.rule, alert.signal) == (None, "drift")
    assert "median" in alert.summary
    later = NOW + 2 * HOUR
    calls(acme, 300, NOW, NOW + HOUR, seed=7)
    calls(acme, 300, NOW + HOUR, later, seed=8)
    looked(monitor, later)

    incident.refresh_from_db()
    state = DriftState.objects.for_tenant(acme).get()
    assert incident.state == "resolved"
    assert (state.phase, state.alert, state.drifted_at) == ("steady", "", None)


def test_events_tell_of_its_begin_and_its_end(acme: Tenant, told: list, django_capture_on_commit_callbacks):
    two_hours(acme, now=slow)
    monitor = monitor_of(acme, severity="")
    with django_capture_on_commit_callbacks(execute=True):
        looked(monitor)
        services.update_monitor(monitor=monitor, enabled=False)

    assert [event.event_type for event in told] == ["evaluation.drift.detected", "evaluation.drift.cleared"]
    assert told[0].signals == ["latency"]
    assert told[1].reason == "it was switched off"
    assert not Incident.objects.for_tenant(acme).exists()


def test_what_has_to_last_is_suspected_first_and_goes_on_until_it_is_quiet_as_often(acme: Tenant):
    monitor = monitor_of(acme, confirm=2, window_minutes=60)
    calls(acme, 200, NOW - 3 * HOUR, NOW - HOUR, seed=1)
    calls(acme, 200, NOW - HOUR, NOW, seed=2, fields=slow)
    state = DriftState.objects.for_tenant(acme)
    phases = []
    for minutes in (0, 5):
        looked(monitor, NOW + timedelta(minutes=minutes))
        phases.append(state.get().phase)
    calls(acme, 400, NOW + timedelta(minutes=6), NOW + 3 * HOUR, seed=3)
    for hours in (2.5, 2.6):
        looked(monitor, NOW + timedelta(hours=hours))
        phases.append(state.get().phase)

    assert phases == ["suspected", "drifted", "drifted", "steady"]


def test_what_cannot_be_told_ends_nothing(acme: Tenant):
    two_hours(acme, now=slow)
    monitor = monitor_of(acme)
    looked(monitor)
    check = looked(monitor, NOW + 5 * HOUR)

    assert check.outcome == "cannot_tell"
    assert DriftState.objects.for_tenant(acme).get().phase == "drifted"


def test_one_worker_looks_at_a_time_and_a_dead_ones_lease_runs_out(acme: Tenant):
    two_hours(acme)
    monitor = monitor_of(acme)
    DriftState.objects.for_tenant(acme).update(next_look_at=NOW)

    assert claimed("first", NOW) == monitor
    assert claimed("second", NOW) is None
    late = NOW + keeping.LEASE + timedelta(seconds=1)
    assert claimed("second", late) == monitor
    # The first one was not dead after all: what it writes would be of another's look.
    assert look_once(monitor, "first", NOW) is None
    assert not DriftCheck.objects.for_tenant(acme).exists()
    assert look_once(monitor, "second", late) is not None
    assert DriftCheck.objects.for_tenant(acme).count() == 1
    assert DriftState.objects.for_tenant(acme).get().next_look_at > late


def test_a_monitor_that_cannot_look_keeps_no_other_from_looking(acme: Tenant, monkeypatch: pytest.MonkeyPatch):
    two_hours(acme)
    broken = monitor_of(acme, name="Broken")
    fine = monitor_of(acme, name="Fine")
    DriftState.objects.for_tenant(acme).update(next_look_at=NOW)
    real = look

    def breaking(monitor: DriftMonitor, **kwargs):
        if monitor == broken:
            raise RuntimeError
        return real(monitor, **kwargs)

    monkeypatch.setattr(keeping, "look", breaking)

    assert look_at_due(now=NOW) == 2
    states = {row.monitor_id: row for row in DriftState.objects.for_tenant(acme)}
    assert states[broken.pk].error == "RuntimeError"
    assert states[broken.pk].next_look_at > NOW
    assert states[fine.pk].error == ""
    assert [row.monitor for row in DriftCheck.objects.for_tenant(acme)] == [fine]


def test_monitors_that_are_off_or_whose_tenant_is_suspended_do_not_look(acme: Tenant):
    monitor_of(acme, name="Off", enabled=False)
    Tenant.objects.filter(pk=make_tenant(slug="gone", name="Gone").pk).update(active=False)
    monitor_of(Tenant.objects.get(slug="gone"))

    assert look_at_due() == 0


def test_old_looks_are_deleted_with_what_they_found(acme: Tenant):
    two_hours(acme)
    monitor = monitor_of(acme)
    looked(monitor)

    assert drop_old(now=NOW + keeping.KEPT - timedelta(hours=1)) == 0
    assert drop_old(now=NOW + keeping.KEPT + timedelta(hours=1)) == 1
    assert not DriftFinding.objects.for_tenant(acme).exists()


def test_a_preview_writes_nothing(acme: Tenant):
    two_hours(acme, now=slow)
    draft = DriftMonitor(tenant=acme, name="", signals=["latency"], window_minutes=60, reference="previous", periods=1)

    check, findings = look(draft, now=NOW, preview=True)

    assert check.outcome == "drifted"
    assert findings[0].drifted
    assert not DriftCheck.objects.for_tenant(acme).exists()


def test_of_many_calls_a_fair_part_is_looked_at_the_same_one_each_time(acme: Tenant, monkeypatch: pytest.MonkeyPatch):
    two_hours(acme, count=1_000)
    monkeypatch.setitem(reading._SOURCES, "calls", msgspec.structs.replace(reading._SOURCES["calls"], most=200))
    monitor = monitor_of(acme)
    looks = [look(monitor, now=NOW) for _ in range(2)]

    assert 150 <= looks[0][0].calls <= 250
    assert looks[0][0].calls == looks[1][0].calls
    assert looks[0][1][0].statistic == looks[1][1][0].statistic


def test_a_reference_that_stays_is_of_the_same_hours(acme: Tenant):
    monitor = monitor_of(
        acme, reference="fixed", reference_start=NOW - timedelta(days=4), reference_end=NOW - timedelta(days=1)
    )
    for day in range(1, 5):
        end = NOW - timedelta(days=day)
        calls(acme, 60, end - HOUR, end, seed=day)
        calls(acme, 60, end - 3 * HOUR, end - 2 * HOUR, seed=20 + day, fields=slow)
    calls(acme, 120, NOW - HOUR, NOW, seed=9)

    check = looked(monitor)

    assert (check.outcome, check.reference_calls) == ("steady", 180)


def test_changes_are_audited_and_begin_anew(acme: Tenant):
    two_hours(acme, now=slow)
    monitor = monitor_of(acme)
    looked(monitor)
    services.update_monitor(monitor=monitor, name="Renamed")
    assert DriftState.objects.for_tenant(acme).get().phase == "drifted"

    services.update_monitor(monitor=monitor, signals=["cost"])

    assert DriftState.objects.for_tenant(acme).get().phase == "unknown"
    assert Incident.objects.for_tenant(acme).get().state == "resolved"
    services.delete_monitor(monitor=monitor)
    actions = AuditEntry.objects.filter(object_type="driftmonitor", tenant_ref=str(acme.pk)).order_by("id")
    assert [row.action for row in actions] == ["created", "updated", "updated", "deleted"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"signals": []}, "signals"),
        ({"signals": ["latency", "latency"]}, "signals"),
        ({"signals": ["nothing"]}, "signals"),
        ({"segment_by": "tag"}, "segment_tag"),
        ({"reference": "fixed"}, "reference_start"),
        ({"reference": "fixed", "reference_start": NOW, "reference_end": NOW - HOUR}, "reference_end"),
        ({"least_effects": {"latency": 2}}, "least_effects"),
        ({"least_effects": {"nothing": 0.5}}, "least_effects"),
        ({"window_minutes": 5}, "window_minutes"),
    ],
)
def test_what_does_not_fit_together_is_refused(acme: Tenant, fields: dict, field: str):
    with pytest.raises(ValidationError) as refusal:
        monitor_of(acme, **fields)

    assert field in refusal.value.message_dict
