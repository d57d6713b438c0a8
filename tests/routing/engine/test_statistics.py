from __future__ import annotations

import msgspec
import pytest

from contracts.specs import BreakerSpec
from routing.engine import statistics
from routing.engine.statistics import TargetStates
from tests.routing.engine.spec_factory import target


def states(workers: int = 1) -> TargetStates:
    return TargetStates(workers=workers, listener=lambda state, transition: None)


def test_a_target_keeps_its_state():
    subject = states()
    first = subject.of(target("a"), 1.0)
    first.slots.try_acquire()
    assert subject.of(target("a"), 2.0) is first
    assert first.slots.in_flight == 1


def test_changed_settings_are_taken_over_by_the_living_state():
    subject = states()
    state = subject.of(target("a", max_in_flight=5), 1.0)
    state.latency.record(10.0, 1.0)
    subject.of(target("a", max_in_flight=2, max_queue=1, breaker=BreakerSpec(open_s=99)), 2.0)
    assert (state.slots.limit, state.slots.max_queue, state.breaker.spec.open_s) == (2, 1, 99)
    assert state.latency.known


def test_each_worker_has_at_least_one_place():
    assert states(workers=8).of(target("a", max_in_flight=3), 1.0).slots.limit == 1


def test_long_unused_targets_are_forgotten_but_never_busy_ones_or_open_circuits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statistics, "_KEPT", 20)
    subject = states()
    subject.of(target("busy"), 0.0).slots.try_acquire()
    subject.of(target("open"), 0.0).breaker.opened_by_peer(30.0, 0.0)
    for number in range(40):
        subject.of(target(f"t{number}"), float(number + 1))
    assert subject.find("target-busy") is not None
    assert subject.find("target-open") is not None
    assert subject.find("target-t0") is None
    assert len(list(subject)) <= 21


def test_a_snapshot_can_be_sent_as_json():
    shown = states().of(target("a"), 1.0).snapshot(1.0)
    assert msgspec.json.decode(msgspec.json.encode(shown))["breaker"] == "closed"
