"""Workers tell each other of open circuits through a real Redis."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.clock import SystemClock
from contracts.specs import BreakerSpec, TargetSpec
from routing.engine.breaker import BreakerState
from routing.engine.breaker_store import RedisBreakerStore, key_of
from routing.engine.statistics import TargetState, TargetStates
from tests.routing.engine.spec_factory import target

CLOCK = SystemClock()


class Worker:
    """One worker's breakers and their store; time passes only by :meth:`RedisBreakerStore.exchange`."""

    def __init__(self, redis: Redis) -> None:
        self.store = RedisBreakerStore(redis, clock=CLOCK)
        self.states = TargetStates(workers=1, listener=self.store.changed)
        self.store.watch(self.states)

    def state(self, where: TargetSpec) -> TargetState:
        return self.states.of(where, CLOCK.monotonic())

    def fail(self, where: TargetSpec) -> None:
        breaker, now = self.state(where).breaker, CLOCK.monotonic()
        for _ in range(where.breaker.minimum_calls):
            breaker.failed(breaker.acquire(now), now)


@pytest.fixture
def workers(redis: Redis) -> tuple[Worker, Worker]:
    return Worker(redis), Worker(redis)


@pytest.fixture
def where() -> TargetSpec:
    return target(uuid.uuid4().hex, breaker=BreakerSpec(minimum_calls=2, open_s=30.0, half_open_probes=1))


async def test_an_open_circuit_is_heard_of(workers: tuple[Worker, Worker], where: TargetSpec, redis: Redis):
    first, second = workers
    second.state(where)
    first.fail(where)
    await first.store.exchange()
    await second.store.exchange()

    heard = second.state(where).breaker
    assert heard.state is BreakerState.OPEN
    assert 25 < heard.retry_after_s(CLOCK.monotonic()) <= 30
    assert 0 < await redis.pttl(key_of(where.id)) <= 30_000


async def test_a_target_first_used_later_hears_of_it_too(workers: tuple[Worker, Worker], where: TargetSpec):
    first, second = workers
    first.fail(where)
    await first.store.exchange()
    await second.store.exchange()
    second.state(where)
    await second.store.exchange()
    assert second.state(where).breaker.state is BreakerState.OPEN


async def test_probes_that_succeeded_elsewhere_close_it(workers: tuple[Worker, Worker], where: TargetSpec):
    first, second = workers
    second.state(where)
    first.fail(where)
    await first.store.exchange()
    await second.store.exchange()
    later = CLOCK.monotonic() + 31
    own = first.state(where).breaker
    own.succeeded(own.acquire(later), 1.0, later)
    await first.store.exchange()
    await second.store.exchange()
    assert second.state(where).breaker.state is BreakerState.CLOSED


async def test_a_peers_word_is_not_passed_on(workers: tuple[Worker, Worker], where: TargetSpec, redis: Redis):
    first, second = workers
    second.state(where)
    first.fail(where)
    await first.store.exchange()
    stamp = await redis.hget(key_of(where.id), "stamp")
    await second.store.exchange()
    await second.store.exchange()
    assert await redis.hget(key_of(where.id), "stamp") == stamp


async def test_one_word_is_applied_once(workers: tuple[Worker, Worker], where: TargetSpec, redis: Redis):
    first, second = workers
    second.state(where)
    first.fail(where)
    await first.store.exchange()
    await second.store.exchange()
    second.state(where).breaker.closed_by_peer()
    await redis.incr("breakers:version")
    await second.store.exchange()
    assert second.state(where).breaker.state is BreakerState.CLOSED


async def test_what_could_not_be_written_is_written_later(where: TargetSpec, workers: tuple[Worker, Worker]):
    down: Redis = Redis.from_url("redis://127.0.0.1:1/0")
    first, second = Worker(down), workers[1]
    second.state(where)
    first.fail(where)
    with pytest.raises(RedisError):
        await first.store.exchange()
    await down.aclose()
    assert first.state(where).breaker.state is BreakerState.OPEN

    first.store._redis = workers[0].store._redis
    await first.store.exchange()
    await second.store.exchange()
    assert second.state(where).breaker.state is BreakerState.OPEN


async def test_a_redis_that_is_down_does_not_stop_the_engine(where: TargetSpec):
    store = RedisBreakerStore(Redis.from_url("redis://127.0.0.1:1/0"), clock=CLOCK, poll_s=0.01)
    states = TargetStates(workers=1, listener=store.changed)
    await store.start(states)
    breaker, now = states.of(where, CLOCK.monotonic()).breaker, CLOCK.monotonic()
    for _ in range(2):
        breaker.failed(breaker.acquire(now), now)
    assert breaker.state is BreakerState.OPEN
    await store.aclose()
    assert not store.connected


async def test_a_connection_that_breaks_in_the_end_does_not_keep_it_from_closing():
    class Breaking:
        """As uvloop has it: an operation that is cancelled on a connection just lost says so instead."""

        asked = asyncio.Event()

        async def get(self, _key: str) -> bytes:
            self.asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                raise RuntimeError("unable to perform operation on a closed transport") from error
            raise AssertionError

        async def aclose(self) -> None:
            """Nothing is open."""

    redis: Any = Breaking()
    store = RedisBreakerStore(redis, clock=SystemClock(), poll_s=0.01)
    await store.start(TargetStates(workers=1, listener=store.changed))
    await redis.asked.wait()

    async with asyncio.timeout(5):
        await store.aclose()
