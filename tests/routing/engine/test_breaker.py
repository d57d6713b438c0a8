from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.specs import BreakerSpec
from routing.engine.breaker import DENIED, Breaker, Transition

SPEC = BreakerSpec(window_s=10, minimum_calls=4, failure_rate=0.5, open_s=5.0, half_open_probes=2)


def made(spec: BreakerSpec = SPEC) -> tuple[Breaker, list[Transition]]:
    told: list[Transition] = []
    return Breaker(spec, told.append), told


def call(breaker: Breaker, now: float, *, ok: bool, latency_ms: float = 1.0) -> None:
    permit = breaker.acquire(now)
    assert permit != DENIED
    if ok:
        breaker.succeeded(permit, latency_ms, now)
    else:
        breaker.failed(permit, now)


def opened(spec: BreakerSpec = SPEC) -> tuple[Breaker, list[Transition]]:
    breaker, told = made(spec)
    for _ in range(spec.minimum_calls):
        call(breaker, 100.0, ok=False)
    return breaker, told


def test_it_opens_when_the_failure_rate_is_reached():
    breaker, told = made()
    for ok in (True, True, False):
        call(breaker, 100.0, ok=ok)
    assert breaker.state.value == "closed"
    call(breaker, 100.0, ok=False)

    assert breaker.state.value == "open"
    assert (told[0].reason, told[0].failure_rate, told[0].calls) == ("failure_rate", 0.5, 4)


def test_few_calls_prove_nothing():
    breaker, _ = made()
    for _ in range(3):
        call(breaker, 100.0, ok=False)
    assert breaker.state.value == "closed"


def test_failures_that_left_the_window_do_not_count():
    breaker, _ = made()
    for _ in range(3):
        call(breaker, 100.0, ok=False)
    call(breaker, 111.0, ok=False)
    assert breaker.state.value == "closed"


def test_slow_answers_open_it_when_the_rule_is_on():
    breaker, told = made(BreakerSpec(minimum_calls=4, slow_call_ms=100, slow_call_rate=0.75))
    for latency_ms in (50.0, 101.0, 101.0, 101.0):
        call(breaker, 100.0, ok=True, latency_ms=latency_ms)
    assert breaker.state.value == "open"
    assert (told[0].reason, told[0].slow_call_rate) == ("slow_call_rate", 0.75)


def test_slow_answers_are_fine_when_the_rule_is_off():
    breaker, _ = made()
    for _ in range(20):
        call(breaker, 100.0, ok=True, latency_ms=1e9)
    assert breaker.state.value == "closed"


def test_an_open_circuit_refuses_until_its_time_is_over():
    breaker, _ = opened()
    assert not breaker.available(104.9)
    assert breaker.acquire(104.9) == DENIED
    assert breaker.retry_after_s(101.0) == pytest.approx(4.0)
    assert breaker.available(105.0)


def test_probes_that_succeed_close_it():
    breaker, told = opened()
    first, second = breaker.acquire(105.0), breaker.acquire(105.0)
    assert breaker.acquire(105.0) == DENIED
    breaker.succeeded(first, 1.0, 105.1)
    assert breaker.state.value == "half_open"
    breaker.succeeded(second, 1.0, 105.1)
    assert [transition.reason for transition in told] == ["failure_rate", "open_elapsed", "probes_succeeded"]
    assert breaker.state.value == "closed"


def test_a_probe_that_fails_opens_it_again():
    breaker, told = opened()
    breaker.failed(breaker.acquire(105.0), 106.0)
    assert told[-1].reason == "probe_failed"
    assert not breaker.available(110.9)
    assert breaker.available(111.0)


def test_an_abandoned_probe_makes_room_for_another():
    breaker, _ = opened()
    permits = [breaker.acquire(105.0), breaker.acquire(105.0)]
    assert not breaker.available(105.0)
    breaker.abandoned(permits[0])
    assert breaker.available(105.0)


def test_an_outcome_of_an_earlier_generation_is_ignored():
    breaker, _ = made()
    late = breaker.acquire(100.0)
    for _ in range(4):
        call(breaker, 100.0, ok=False)
    breaker.succeeded(late, 1.0, 100.0)
    breaker.acquire(105.0)
    breaker.failed(late, 105.0)
    breaker.abandoned(late)
    assert breaker.state.value == "half_open"


def test_a_peer_opens_and_closes_it():
    breaker, told = made()
    breaker.opened_by_peer(3.0, 100.0)
    assert breaker.acquire(102.0) == DENIED
    breaker.closed_by_peer()
    assert breaker.state.value == "closed"
    assert [transition.reason for transition in told] == ["peer", "peer"]


def test_a_peer_cannot_close_what_was_opened_by_its_own_count():
    breaker, _ = opened()
    breaker.closed_by_peer()
    assert breaker.state.value == "open"


def test_a_peer_can_only_lengthen_an_open_circuit():
    breaker, _ = opened()
    breaker.opened_by_peer(1.0, 100.0)
    assert breaker.retry_after_s(100.0) == pytest.approx(5.0)
    breaker.opened_by_peer(9.0, 100.0)
    assert breaker.retry_after_s(100.0) == pytest.approx(9.0)


def test_new_settings_keep_the_state():
    breaker, _ = opened()
    breaker.configure(BreakerSpec(window_s=60))
    assert breaker.state.value == "open"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ok", "fail", "drop", "late"]), st.floats(0, 3)), max_size=60))
def test_probes_out_never_exceed_the_limit_and_the_state_machine_never_sticks(moves: list[tuple[str, float]]):
    breaker, _ = made()
    now, held = 100.0, []
    for move, pause in moves:
        now += pause
        permit = breaker.acquire(now)
        if permit == DENIED:
            assert breaker.state.value != "closed"
            continue
        held.append(permit)
        if move != "late":
            finish(breaker, held.pop(), move, now)
    for permit in held:
        finish(breaker, permit, "ok", now)
    assert breaker.available(now + SPEC.open_s + 0.001)


def finish(breaker: Breaker, permit: int, move: str, now: float) -> None:
    if move == "ok":
        breaker.succeeded(permit, 1.0, now)
    elif move == "fail":
        breaker.failed(permit, now)
    else:
        breaker.abandoned(permit)
