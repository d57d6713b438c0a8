"""Calls that go ahead of their admission: only where Redis is sure to let them in, and counted all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from contracts.clock import SystemClock
from contracts.errors import RateLimited
from contracts.specs import KeySpec, LimitMetric, LimitSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.admission import Admission
from gateway.engine.foresight import AT_ONCE, MAX_AGE_S, MOST_PER_S, Foresight
from gateway.engine.limits import AppliedLimit, Ticket, applied_limits
from tests.gateway.doubles import RecordingEmitter, limit

KEY = KeySpec(id="key-1", tenant_id="tenant-1")
WIDE = limit(1_000_000)
PLACES = limit(100_000, LimitMetric.CONCURRENCY, name="places")
TOKENS = limit(10_000_000, LimitMetric.TOKENS, name="tokens")


def applied(*limits: LimitSpec, tokens: int = 10) -> list[AppliedLimit]:
    return applied_limits(TenantSpec(id="tenant-1", slug="t", limits=limits), KEY, user=None, tokens=tokens)


def heard(foresight: Foresight, spec: LimitSpec, left: int, at: float = 0.0) -> list[AppliedLimit]:
    limits = applied(spec)
    limits[0].remaining = left
    foresight.heard(limits, at)
    return limits


# --- the rule -----------------------------------------------------------------------------------------


def test_nothing_is_foreseen_of_a_limit_that_was_not_heard_of() -> None:
    assert not Foresight(1).lets_in(applied(WIDE), 0.0)


def test_half_of_the_limit_has_to_be_left() -> None:
    foresight = Foresight(1)
    limits = heard(foresight, WIDE, 500_001)
    assert foresight.lets_in(limits, 0.0)
    heard(foresight, WIDE, 500_000)
    assert not foresight.lets_in(limits, 0.0)


@pytest.mark.parametrize("workers", [1, 8])
def test_more_has_to_be_left_than_all_workers_can_have_asked_for(workers: int) -> None:
    foresight, age_s = Foresight(workers), 0.01
    others = round(workers * (AT_ONCE + MOST_PER_S * age_s))
    spec = limit(others)
    limits = heard(foresight, spec, others)
    assert not foresight.lets_in(limits, age_s), "One more than they all."
    heard(foresight, spec, others + 1)
    assert foresight.lets_in(limits, age_s)
    assert not foresight.lets_in(limits, age_s * 2)


def test_what_was_heard_long_ago_says_nothing() -> None:
    foresight = Foresight(1)
    limits = heard(foresight, WIDE, 1_000_000)
    assert foresight.lets_in(limits, MAX_AGE_S)
    assert not foresight.lets_in(limits, MAX_AGE_S + 0.001)


def test_calls_that_went_ahead_and_are_not_decided_are_taken_off() -> None:
    foresight = Foresight(1)
    limits = heard(foresight, WIDE, 500_002)
    foresight.went_ahead(limits)
    assert foresight.lets_in(limits, 0.0)
    foresight.went_ahead(limits)
    assert not foresight.lets_in(limits, 0.0)
    foresight.decided(limits)
    assert foresight.lets_in(limits, 0.0)


def test_a_limit_that_was_changed_has_to_be_heard_of_anew() -> None:
    foresight = Foresight(1)
    heard(foresight, WIDE, 1_000_000)
    assert not foresight.lets_in(applied(limit(900_000)), 0.0)


def test_where_calls_may_wait_for_a_place_they_do() -> None:
    foresight = Foresight(1)
    spec = msgspec.structs.replace(PLACES, max_wait_ms=100)
    assert not foresight.lets_in(heard(foresight, spec, 100_000), 0.0)


def test_all_of_a_calls_limits_have_to_be_wide() -> None:
    foresight = Foresight(1)
    heard(foresight, WIDE, 1_000_000)
    assert not foresight.lets_in(applied(WIDE, TOKENS), 0.0)
    heard(foresight, TOKENS, 10_000_000)
    assert foresight.lets_in(applied(WIDE, TOKENS), 0.0)


# --- against a real Redis -----------------------------------------------------------------------------


@pytest.fixture
async def wire(redis_url: str, redis: Any) -> AsyncIterator[RedisWire]:
    wire = RedisWire(redis_url)
    await wire.start()
    yield wire
    await wire.stop()


@pytest.fixture
def admission(wire: RedisWire) -> Admission:
    return Admission(wire, emitter=RecordingEmitter(), clock=SystemClock(), timeout_s=10)


async def admit(admission: Admission, *limits: LimitSpec, call_id: str = "call", fail_open: bool = True) -> Ticket:
    return await admission.admit(call_id, applied(*limits), lease_ms=60_000, fail_open=fail_open, may_go_ahead=True)


def went_ahead(ticket: Ticket) -> bool:
    return ticket.ahead is not None


async def test_a_call_goes_ahead_once_its_limits_are_known_and_counts(admission: Admission) -> None:
    first = await admit(admission, WIDE, PLACES, TOKENS, call_id="first")
    assert not went_ahead(first)

    second = await admit(admission, WIDE, PLACES, TOKENS, call_id="second")
    assert went_ahead(second)
    await admission.confirm(second)

    assert not went_ahead(second)
    assert [one.remaining for one in second.limits] == [1_000_000 - 2, 100_000 - 2, 10_000_000 - 20]
    admission.settle(first, tokens=7)
    admission.settle(second, tokens=7)
    await admission.drain()
    third = await admit(admission, WIDE, PLACES, TOKENS, call_id="third")
    await admission.confirm(third)
    assert [one.remaining for one in third.limits] == [1_000_000 - 3, 100_000 - 1, 10_000_000 - 24]


@pytest.mark.parametrize("sent", [True, False])
async def test_a_call_that_ends_before_it_is_decided_keeps_no_place(admission: Admission, sent: bool) -> None:
    await admit(admission, PLACES, call_id="first")
    if not sent:
        admission._alone = False  # the question waits for the end of the turn
    second = await admit(admission, PLACES, call_id="second")
    assert second.ahead is not None

    admission.settle(second, tokens=0)
    await admission.drain()

    third = await admit(admission, PLACES, call_id="third")
    await admission.confirm(third)
    assert third.limits[0].remaining == 100_000 - 2
    assert admission._foresight._heard[third.limits[0].key].undecided == 0


async def test_many_calls_at_once_never_get_more_than_the_limit(admission: Admission) -> None:
    narrow = limit(300)
    outcomes = []
    for _ in range(8):
        # In bursts, so that each finds what the last one left.
        burst = [admit(admission, narrow, call_id=str(one)) for one in range(100)]
        outcomes += await asyncio.gather(*burst, return_exceptions=True)
    tickets = [one for one in outcomes if isinstance(one, Ticket)]
    assert any(one.ahead is not None for one in tickets)
    for one in tickets:
        await admission.confirm(one)
    assert len(tickets) == 300
    assert sum(isinstance(one, RateLimited) for one in outcomes) == 500


async def test_a_tenant_that_refuses_where_limits_cannot_be_checked_waits_for_redis(admission: Admission) -> None:
    await admit(admission, WIDE, fail_open=False)
    assert (await admit(admission, WIDE, fail_open=False)).ahead is None


async def test_redis_that_goes_away_meanwhile_leaves_the_call_under_way(wire: RedisWire) -> None:
    admission = Admission(wire, emitter=RecordingEmitter(), clock=SystemClock(), timeout_s=0.2)
    await admit(admission, PLACES, call_id="first")
    pausing = wire.call("CLIENT", "PAUSE", 600, "ALL")
    await pausing
    second = await admit(admission, PLACES, call_id="second")
    assert went_ahead(second)

    await admission.confirm(second)

    assert (went_ahead(second), second.degraded, admission.degraded) == (False, True, True)
    admission.settle(second, tokens=0)
    await asyncio.sleep(0.6)
    async with asyncio.timeout(5):
        while admission.degraded or not wire.connected:
            await admit(admission, PLACES, call_id="third")
            await asyncio.sleep(0.05)
