"""A worker tells what it knows of its targets, through a real Redis, and pages read it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
import redis as blocking
from django.conf import settings
from redis.asyncio import Redis

from contracts.clock import SystemClock
from contracts.specs import BreakerSpec
from routing.engine.executor import Engine
from routing.engine.pulse import INDEX_KEY, MOST_TARGETS, Pulse, key_of
from routing.engine.statistics import TargetState
from routing.worker_pulses import PulseReader
from tests.routing.engine.spec_factory import target

CLOCK = SystemClock()


class Nobody:
    """An emitter and an upstream that do nothing."""

    def emit(self, payload: Any, context: Any) -> None:
        pass

    def flush(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class Wire:
    """Redis as the gateway's own connection has it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.told = asyncio.Event()

    async def call(self, *args: Any) -> Any:
        answer = await self._redis.execute_command(*args)
        if args[0] == "ZREMRANGEBYSCORE":
            self.told.set()
        return answer

    async def next(self) -> None:
        """Until the worker has told once more."""
        async with asyncio.timeout(10):
            await self.told.wait()
        self.told.clear()


class Down:
    """A Redis that is not there."""

    def __init__(self) -> None:
        self.asked = 0
        self.thrice = asyncio.Event()

    def call(self, *args: Any) -> Any:
        self.asked += 1
        if self.asked == 3:
            self.thrice.set()
        raise ConnectionError("down")


@pytest.fixture
def engine() -> Engine:
    nobody: Any = Nobody()
    return Engine(upstream=nobody, emitter=nobody, clock=CLOCK)


def state_of(engine: Engine, **fields: Any) -> TargetState:
    return engine._states.of(target(uuid.uuid4().hex, **fields), CLOCK.monotonic())


def pulse_of(engine: Engine, wire: Any, worker: str, period_s: float = 0.01) -> Pulse:
    return Pulse(wire, worker_id=worker, recent=engine.recent, clock=CLOCK, period_s=period_s)


@pytest.fixture
def reader() -> PulseReader:
    return PulseReader(blocking.Redis.from_url(settings.REDIS_URL))


async def test_pages_read_what_a_worker_told(engine: Engine, redis: Redis, reader: PulseReader):
    state = state_of(engine, breaker=BreakerSpec(minimum_calls=1))
    assert state.slots.try_acquire()
    state.breaker.failed(state.breaker.acquire(0.0), CLOCK.monotonic())
    worker = uuid.uuid4().hex

    await pulse_of(engine, Wire(redis), worker).beat()

    ((told, shown),) = reader.read().of_target(state.target.id)
    assert told.worker_id == worker
    assert (shown.breaker, shown.in_flight) == ("open", 1)


async def test_a_worker_that_stopped_is_gone_at_once(engine: Engine, redis: Redis, reader: PulseReader):
    worker = uuid.uuid4().hex
    pulse = pulse_of(engine, Wire(redis), worker)
    await pulse.beat()

    await pulse.stop()

    assert worker not in {told.worker_id for told in reader.read().workers}
    assert await redis.zscore(INDEX_KEY, worker) is None


async def test_a_worker_that_died_is_forgotten_by_itself(engine: Engine, redis: Redis):
    worker = uuid.uuid4().hex

    await pulse_of(engine, Wire(redis), worker).beat()

    assert 0 < await redis.ttl(key_of(worker)) <= 10


async def test_without_redis_the_worker_goes_on_and_tells_later(engine: Engine):
    down = Down()
    pulse = pulse_of(engine, down, "w")
    pulse.start()

    async with asyncio.timeout(10):
        await down.thrice.wait()

    await pulse.stop()


async def test_a_change_is_told_before_the_next_beat_is_due(engine: Engine, redis: Redis, reader: PulseReader):
    state = state_of(engine, breaker=BreakerSpec(minimum_calls=1))
    wire = Wire(redis)
    pulse = pulse_of(engine, wire, uuid.uuid4().hex, period_s=3600)
    engine.on_transition = pulse.wake
    pulse.start()
    await wire.next()

    state.breaker.failed(state.breaker.acquire(0.0), CLOCK.monotonic())

    await wire.next()
    assert reader.read().of_target(state.target.id)[0][1].breaker == "open"
    await pulse.stop()


def test_of_many_targets_the_busy_and_the_latest_are_told(engine: Engine):
    states = [state_of(engine) for _ in range(MOST_TARGETS + 5)]
    states[0].last_used = 0.0
    assert states[0].slots.try_acquire()
    states[1].last_used = 0.0

    told = engine.recent(900.0, MOST_TARGETS)

    assert len(told) == MOST_TARGETS
    assert told[0] is states[0]
    assert states[1] not in told


def test_without_redis_pages_know_nothing_and_ask_no_more_for_a_while():
    now = [0.0]
    reader = PulseReader(blocking.Redis(port=1, socket_connect_timeout=0.05), monotonic=lambda: now[0])

    assert not reader.read().reachable
    assert not reader.read().reachable
