from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import (
    ProviderAuthFailed,
    ProviderContextTooLong,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from contracts.specs import RetrySpec
from routing.engine.retry import Retries, Step, full_jitter_s

SPEC = RetrySpec(max_attempts=5, per_target=2, base_ms=100, cap_ms=400)
NOW, DEADLINE = 10.0, 100.0


def failing(
    retries: Retries,
    index: int,
    error: ProviderError,
    *,
    now: float = NOW,
    deadline: float = DEADLINE,
    out: frozenset[int] = frozenset(),
) -> Step | None:
    retries.started(index)
    return retries.failed(index, error, now=now, deadline=deadline, usable=lambda other: other not in out)


def retries(targets: int = 2, spec: RetrySpec = SPEC) -> Retries:
    return Retries(spec, targets, Random(1))


def test_a_passing_failure_is_tried_again_at_the_same_target_after_a_pause():
    step = failing(retries(), 0, ProviderUnavailable("x"))
    assert step is not None
    assert step.position == 0
    assert 0 < step.delay_s <= 0.1


def test_a_target_has_its_tries_and_then_the_next_one_follows_at_once():
    subject = retries()
    failing(subject, 0, ProviderUnavailable("x"))
    assert failing(subject, 0, ProviderUnavailable("x")) == Step(1, 0.0)


@pytest.mark.parametrize(
    "error",
    [
        ProviderRateLimited("x"),
        ProviderTimeout("x"),
        ProviderAuthFailed("x"),
        ProviderContextTooLong("x"),
        ProviderUnavailable("x", retry_after_s=3),
    ],
)
def test_what_will_not_pass_soon_moves_on_at_once(error: ProviderError):
    assert failing(retries(), 0, error) == Step(1, 0.0)


def test_a_refused_request_ends_the_call():
    assert failing(retries(), 0, ProviderRejected("x")) is None


def test_retry_after_is_waited_for_when_there_is_nowhere_else_to_go():
    step = failing(retries(1), 0, ProviderRateLimited("x", retry_after_s=7))
    assert step == Step(0, 7.0)


def test_no_delay_reaches_beyond_the_deadline():
    assert failing(retries(1), 0, ProviderRateLimited("x", retry_after_s=7), deadline=NOW + 7) is None


def test_the_call_comes_back_to_the_target_that_is_ready_first():
    subject = retries()
    assert failing(subject, 0, ProviderRateLimited("x", retry_after_s=9)) == Step(1, 0.0)
    assert failing(subject, 1, ProviderRateLimited("x", retry_after_s=4)) == Step(1, 4.0)


def test_a_refused_credential_is_never_come_back_to():
    subject = retries()
    failing(subject, 0, ProviderAuthFailed("x"))
    step = failing(subject, 1, ProviderTimeout("x"))
    assert step is not None
    assert step.position == 1


def test_attempts_are_limited_over_all_targets():
    subject = retries(9, RetrySpec(max_attempts=3))
    assert failing(subject, 0, ProviderTimeout("x")) is not None
    assert failing(subject, 1, ProviderTimeout("x")) is not None
    assert failing(subject, 2, ProviderTimeout("x")) is None


def test_suspended_targets_are_passed_over():
    subject = retries(3)
    assert failing(subject, 0, ProviderTimeout("x"), out=frozenset({1})) == Step(2, 0.0)


def test_a_circuit_that_opened_by_this_failure_is_left():
    assert failing(retries(), 0, ProviderUnavailable("x"), out=frozenset({0})) == Step(1, 0.0)


def test_a_blocked_target_costs_no_attempt_and_is_not_come_back_to():
    subject = retries(2, RetrySpec(max_attempts=1))
    assert subject.blocked(0, now=NOW, deadline=DEADLINE, usable=lambda _: True) == Step(1, 0.0)
    assert subject.blocked(1, now=NOW, deadline=DEADLINE, usable=lambda _: True) is None


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(0, 10_000), st.integers(0, 10_000), st.integers())
def test_full_jitter_stays_within_its_bounds(tries: int, base_ms: int, cap_ms: int, seed: int):
    delay_s = full_jitter_s(RetrySpec(base_ms=base_ms, cap_ms=cap_ms), tries, Random(seed))
    assert 0 <= delay_s <= min(cap_ms, base_ms * 2 ** (tries - 1)) / 1000


def test_jitter_is_spread_over_the_whole_range():
    random = Random(1)
    delays = [full_jitter_s(RetrySpec(base_ms=1000, cap_ms=1000), 1, random) for _ in range(500)]
    assert min(delays) < 0.05
    assert max(delays) > 0.95


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([ProviderRateLimited, ProviderTimeout, ProviderUnavailable, ProviderAuthFailed])),
    st.integers(1, 4),
)
def test_attempts_and_tries_stay_within_the_spec_whatever_fails(kinds: list[type[ProviderError]], targets: int):
    subject, tries, now, index = retries(targets), [0] * targets, NOW, 0
    for kind in kinds:
        tries[index] += 1
        step = failing(subject, index, kind("x"), now=now)
        if step is None:
            break
        assert step.delay_s >= 0
        now, index = now + step.delay_s, step.position
    assert max(tries) <= SPEC.per_target
    assert sum(tries) <= SPEC.max_attempts
