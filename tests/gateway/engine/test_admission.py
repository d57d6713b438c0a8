"""Admission against a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.clock import SystemClock
from contracts.errors import RateLimited, ServiceUnavailable
from contracts.events import LimiterDegraded
from contracts.specs import KeySpec, LimitMetric, LimitSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.admission import Admission
from gateway.engine.limits import Ticket, applied_limits
from tests.gateway.doubles import RecordingEmitter, limit

KEY = KeySpec(id="key-1", tenant_id="tenant-1")


@pytest.fixture
async def wire(redis_url: str, redis: Any) -> AsyncIterator[RedisWire]:
    wire = RedisWire(redis_url)
    await wire.start()
    yield wire
    await wire.stop()


@pytest.fixture
def emitter() -> RecordingEmitter:
    return RecordingEmitter()


@pytest.fixture
def admission(wire: RedisWire, emitter: RecordingEmitter) -> Admission:
    return Admission(wire, emitter=emitter, clock=SystemClock(), timeout_s=10)


async def admit(
    admission: Admission,
    *limits: LimitSpec,
    call_id: str = "call",
    tokens: int = 0,
    user: str | None = None,
    lease_ms: int = 60_000,
    fail_open: bool = True,
) -> Ticket:
    tenant = TenantSpec(id="tenant-1", slug="t", limits=limits)
    return await admission.admit(
        call_id, applied_limits(tenant, KEY, user=user, tokens=tokens), lease_ms=lease_ms, fail_open=fail_open
    )


async def settled(admission: Admission, ticket: Ticket, tokens: int = 0) -> None:
    admission.settle(ticket, tokens=tokens)
    await admission.drain()


async def test_requests_are_admitted_up_to_the_limit_and_not_one_more(admission: Admission) -> None:
    outcomes = await asyncio.gather(
        *(admit(admission, limit(50), call_id=str(i)) for i in range(80)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Ticket) for outcome in outcomes) == 50
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 30


async def test_a_refusal_says_which_limit_whose_and_when_to_come_back(admission: Admission) -> None:
    await admit(admission, limit(1))
    with pytest.raises(RateLimited) as refused:
        await admit(admission, limit(1))
    details = refused.value.details
    assert details is not None
    assert details["level"] == "tenant"
    assert details["metric"] == "requests"
    assert details["limit"] == 1
    assert 0 < details["reset_ms"] <= 61_000
    assert refused.value.retry_after_s == pytest.approx(details["reset_ms"] / 1000)


async def test_a_refused_call_consumes_nothing_of_its_other_limits(admission: Admission) -> None:
    wide, narrow = limit(2, name="wide"), limit(1, name="narrow")
    await admit(admission, wide, narrow)
    for _ in range(5):
        with pytest.raises(RateLimited):
            await admit(admission, wide, narrow)
    ticket = await admit(admission, wide)
    assert ticket.limits[0].remaining == 0


async def test_tokens_are_reserved_and_corrected_to_what_was_used(admission: Admission) -> None:
    tokens = limit(1_000, LimitMetric.TOKENS)
    ticket = await admit(admission, tokens, tokens=900)
    with pytest.raises(RateLimited):
        await admit(admission, tokens, tokens=200)
    await settled(admission, ticket, tokens=100)
    ticket = await admit(admission, tokens, tokens=900)
    assert ticket.limits[0].remaining == 0


async def test_a_place_is_free_again_after_settlement(admission: Admission) -> None:
    places = limit(1, LimitMetric.CONCURRENCY)
    ticket = await admit(admission, places, call_id="first")
    with pytest.raises(RateLimited):
        await admit(admission, places, call_id="second")
    await settled(admission, ticket)
    await admit(admission, places, call_id="third")


async def test_the_place_of_a_dead_worker_frees_itself_when_its_lease_ends(admission: Admission) -> None:
    places = limit(1, LimitMetric.CONCURRENCY)
    await admit(admission, places, call_id="dead", lease_ms=50)
    async with asyncio.timeout(5):
        while True:
            try:
                await admit(admission, places, call_id="alive")
                break
            except RateLimited:
                await asyncio.sleep(0.01)


async def test_a_window_slides(admission: Admission) -> None:
    per_second = limit(2, window_s=1)
    await admit(admission, per_second)
    await admit(admission, per_second)
    with pytest.raises(RateLimited) as refused:
        await admit(admission, per_second)
    assert refused.value.retry_after_s is not None
    await asyncio.sleep(refused.value.retry_after_s + 0.02)
    await admit(admission, per_second)


async def test_end_users_are_counted_apart(admission: Admission) -> None:
    per_user = limit(1, level="user")
    await admit(admission, per_user, user="ann")
    await admit(admission, per_user, user="bob")
    with pytest.raises(RateLimited, match="ann"):
        await admit(admission, per_user, user="ann")
    await admit(admission, per_user, user=None)


async def test_calls_without_limits_do_not_touch_redis(admission: Admission, monkeypatch: Any) -> None:
    # What the server counts are also the commands of other tests that run beside this one.
    sent: list[Any] = []
    submit = admission._wire.submit

    def noted(*args: Any) -> None:
        sent.append(args)
        submit(*args)

    monkeypatch.setattr(admission._wire, "submit", noted)
    for _ in range(20):
        await admit(admission)
    assert sent == []
    await admit(admission, limit(10))
    assert len(sent) == 1


async def test_a_cancelled_admission_gives_its_place_back(admission: Admission, redis: Any) -> None:
    places = limit(1, LimitMetric.CONCURRENCY)
    task = asyncio.create_task(admit(admission, places, call_id="gone"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await admission.drain()
    await admit(admission, places, call_id="next")


async def test_the_script_is_loaded_again_after_redis_forgot_it(admission: Admission, redis: Any) -> None:
    await admit(admission, limit(10))
    await redis.script_flush()
    ticket = await admit(admission, limit(10))
    assert ticket.limits[0].remaining == 8
    assert not ticket.degraded


async def test_with_redis_down_the_local_share_of_the_limit_holds(emitter: RecordingEmitter) -> None:
    wire = RedisWire("redis://127.0.0.1:1/0")
    await wire.start()
    admission = Admission(wire, emitter=emitter, clock=SystemClock(), workers=2)
    outcomes = [await admit_or_error(admission, limit(10), str(i)) for i in range(8)]
    await wire.stop()
    tickets = [outcome for outcome in outcomes if isinstance(outcome, Ticket)]
    assert len(tickets) == 5
    assert all(ticket.degraded for ticket in tickets)
    assert admission.degraded
    [event] = emitter.payloads(LimiterDegraded)
    assert isinstance(event, LimiterDegraded)
    assert event.degraded


async def test_with_redis_down_a_tenant_that_fails_closed_is_refused(emitter: RecordingEmitter) -> None:
    wire = RedisWire("redis://127.0.0.1:1/0")
    await wire.start()
    admission = Admission(wire, emitter=emitter, clock=SystemClock())
    with pytest.raises(ServiceUnavailable):
        await admit(admission, limit(10), fail_open=False)
    await wire.stop()


async def admit_or_error(admission: Admission, spec: LimitSpec, call_id: str) -> Ticket | RateLimited:
    try:
        return await admit(admission, spec, call_id=call_id)
    except RateLimited as error:
        return error


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400)), min_size=1, max_size=30), st.integers(1, 1_000))
async def test_reserved_tokens_never_exceed_the_limit(
    admission: Admission, redis: Any, calls: list[tuple[int, int]], value: int
) -> None:
    await redis.flushdb()
    spec = limit(value, LimitMetric.TOKENS)
    counted = 0
    for position, (reserved, used) in enumerate(calls):
        try:
            ticket = await admit(admission, spec, call_id=str(position), tokens=reserved)
        except RateLimited:
            assert counted + reserved > value
            continue
        assert counted + reserved <= value
        assert ticket.limits[0].remaining == value - counted - reserved
        await settled(admission, ticket, tokens=min(used, reserved))
        counted += min(used, reserved)


async def test_admission_is_shared_again_as_soon_as_redis_answers_without_a_call(
    admission: Admission, wire: RedisWire, emitter: RecordingEmitter
) -> None:
    wire.abandon()
    assert (await admit(admission, limit(10))).degraded
    async with asyncio.timeout(5):
        while admission.degraded:  # noqa: ASYNC110 - a condition of another task, without an event
            await asyncio.sleep(0.01)
    assert [event.degraded for event in emitter.payloads(LimiterDegraded)] == [True, False]
