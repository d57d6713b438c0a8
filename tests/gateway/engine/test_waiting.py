"""Calls that wait for a place, against a real Redis: who goes first, on all workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio as redis_async

from contracts.clock import SystemClock
from contracts.errors import RateLimited
from contracts.specs import KeySpec, LimitMetric, LimitSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.admission import Admission
from gateway.engine.limits import Ticket, applied_limits
from tests.gateway.doubles import RecordingEmitter, limit

QUEUE = b"admission-queue:{tenant-1}:places:tenant-1"


def places(value: int, *, max_wait_ms: int = 5_000, name: str = "places") -> LimitSpec:
    return LimitSpec(
        id=name,
        level="tenant",
        subject="tenant-1",
        metric=LimitMetric.CONCURRENCY,
        value=value,
        window_s=0,
        max_wait_ms=max_wait_ms,
    )


class Workers:
    """Admissions that hear each other's messages, as gateway workers do."""

    def __init__(self, redis_url: str, redis: redis_async.Redis) -> None:
        self._url = redis_url
        self.redis = redis
        self._listeners: list[asyncio.Task[None]] = []
        self._wires: list[RedisWire] = []
        self.order: list[str] = []

    async def start(self, *, hears: bool = True) -> Admission:
        wire = RedisWire(self._url)
        await wire.start()
        self._wires.append(wire)
        admission = Admission(wire, emitter=RecordingEmitter(), clock=SystemClock(), timeout_s=5)
        if hears:
            heard = asyncio.Event()
            self._listeners.append(asyncio.create_task(self._listen(admission, heard)))
            await heard.wait()
        return admission

    async def _listen(self, admission: Admission, heard: asyncio.Event) -> None:
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe(*admission.channels)
            async for message in pubsub.listen():
                heard.set()
                if message["type"] == "message":
                    admission.channels[message["channel"].decode()](message["data"].decode())

    async def stop(self) -> None:
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        for wire in self._wires:
            await wire.stop()

    async def admit(self, admission: Admission, call_id: str, *specs: LimitSpec, batch: bool = False) -> Ticket:
        tenant = TenantSpec(id="tenant-1", slug="t", limits=specs)
        applied = applied_limits(tenant, KeySpec(id="key-1", tenant_id="tenant-1"), user=None, tokens=0)
        ticket = await admission.admit(call_id, applied, lease_ms=60_000, fail_open=True, batch_class=batch)
        self.order.append(call_id)
        return ticket

    async def waiting(self, count: int, queue: bytes = QUEUE) -> None:
        """Until so many calls wait."""
        async with asyncio.timeout(5):
            while await self.redis.zcard(queue) != count:  # noqa: ASYNC110 - a condition in Redis
                await asyncio.sleep(0.005)


@pytest.fixture
async def workers(redis_url: str, redis: Any) -> AsyncIterator[Workers]:
    workers = Workers(redis_url, redis)
    yield workers
    await workers.stop()


async def test_a_call_waits_for_a_place_and_gets_it(workers: Workers) -> None:
    worker = await workers.start()
    first = await workers.admit(worker, "first", places(1))
    second = asyncio.create_task(workers.admit(worker, "second", places(1)))
    await workers.waiting(1)
    worker.settle(first, tokens=0)
    await second
    await workers.waiting(0)


async def test_interactive_calls_go_before_batch_calls_on_all_workers_and_first_come_first(workers: Workers) -> None:
    admissions = [await workers.start() for _ in range(2)]
    holding = await workers.admit(admissions[0], "holding", places(1))
    waiting: list[asyncio.Task[Ticket]] = []
    wanted = [
        ("batch-1", True),
        ("batch-2", True),
        ("live-1", False),
        ("live-2", False),
        ("batch-3", True),
        ("live-3", False),
    ]
    for number, (call_id, batch) in enumerate(wanted):
        waiting.append(asyncio.create_task(workers.admit(admissions[number % 2], call_id, places(1), batch=batch)))
        await workers.waiting(number + 1)
    admissions[0].settle(holding, tokens=0)
    pending = dict(zip(waiting, (number % 2 for number in range(len(wanted))), strict=True))
    async with asyncio.timeout(5):
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                admissions[pending.pop(task)].settle(task.result(), tokens=0)
    assert workers.order == ["holding", "live-1", "live-2", "live-3", "batch-1", "batch-2", "batch-3"]


async def test_nobody_who_comes_later_takes_the_place_of_who_waits(workers: Workers) -> None:
    worker, deaf = await workers.start(), await workers.start(hears=False)
    first = await workers.admit(worker, "first", places(1))
    waiting = asyncio.create_task(workers.admit(deaf, "waiting", places(1)))
    await workers.waiting(1)
    worker.settle(first, tokens=0)
    await worker.drain()
    late = asyncio.create_task(workers.admit(worker, "late", places(1)))
    # The worker of the one that waits does not hear that it is its turn: it asks again by itself.
    deaf.settle(await waiting, tokens=0)
    await late
    assert workers.order == ["first", "waiting", "late"]


async def test_a_call_is_refused_when_its_time_to_wait_is_over(workers: Workers) -> None:
    worker = await workers.start()
    await workers.admit(worker, "first", places(1, max_wait_ms=50))
    with pytest.raises(RateLimited) as refused:
        await workers.admit(worker, "second", places(1, max_wait_ms=50))
    assert refused.value.details is not None
    assert refused.value.details["metric"] == "concurrency"
    await worker.drain()
    await workers.waiting(0)


async def test_without_time_to_wait_the_refusal_comes_at_once(workers: Workers) -> None:
    worker = await workers.start()
    await workers.admit(worker, "first", places(1, max_wait_ms=0))
    with pytest.raises(RateLimited):
        await workers.admit(worker, "second", places(1, max_wait_ms=0))


async def test_a_client_that_leaves_gives_up_its_place_in_the_queue(workers: Workers) -> None:
    worker = await workers.start()
    first = await workers.admit(worker, "first", places(1))
    gone = asyncio.create_task(workers.admit(worker, "gone", places(1)))
    await workers.waiting(1)
    next_one = asyncio.create_task(workers.admit(worker, "next", places(1)))
    await workers.waiting(2)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await workers.waiting(1)
    worker.settle(first, tokens=0)
    await next_one
    assert workers.order == ["first", "next"]


async def test_a_dead_workers_waiting_call_holds_up_nobody_for_longer_than_its_patience(workers: Workers) -> None:
    worker, dead = [await workers.start() for _ in range(2)]
    first = await workers.admit(worker, "first", places(1, max_wait_ms=300))
    lost = asyncio.create_task(workers.admit(dead, "lost", places(1, max_wait_ms=300)))
    await workers.waiting(1)
    # As if it had been killed: it neither asks again nor leaves.
    dead.queue.leave("lost")
    dead._wire.abandon()
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)
    second = asyncio.create_task(workers.admit(worker, "second", places(1, max_wait_ms=5_000)))
    worker.settle(first, tokens=0)
    await second


async def test_the_queue_is_bounded(workers: Workers) -> None:
    worker = await workers.start()
    await workers.admit(worker, "first", places(1))
    await workers.redis.zadd(QUEUE, {f"{n:04}|other": n for n in range(1_000)})
    await workers.redis.zadd(QUEUE.replace(b"-queue", b"-patience"), {f"{n:04}|other": 9e15 for n in range(1_000)})
    with pytest.raises(RateLimited):
        await workers.admit(worker, "one too many", places(1))


async def test_a_waiting_call_counts_in_nothing_else(workers: Workers) -> None:
    worker = await workers.start()
    requests = limit(10)
    first = await workers.admit(worker, "first", places(1), requests)
    second = asyncio.create_task(workers.admit(worker, "second", places(1), requests))
    await workers.waiting(1)
    third = await workers.admit(worker, "third", requests)
    assert third.limits[0].remaining == 8
    worker.settle(first, tokens=0)
    assert (await second).limits[1].remaining == 7


async def test_many_waiting_calls_never_exceed_the_limit(workers: Workers) -> None:
    admissions = [await workers.start() for _ in range(2)]
    running = most = 0

    async def one(number: int) -> None:
        nonlocal running, most
        admission = admissions[number % 2]
        ticket = await workers.admit(admission, f"call-{number:03}", places(5), batch=number % 3 == 0)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        admission.settle(ticket, tokens=0)

    await asyncio.gather(*(one(number) for number in range(60)))
    assert most <= 5
    assert len(workers.order) == 60
