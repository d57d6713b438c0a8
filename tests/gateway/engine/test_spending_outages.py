"""Budgets while Redis or the ledger is away, and what is left afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.budgets import BudgetAction, BudgetSpec
from contracts.clock import SystemClock
from contracts.errors import BudgetExceeded, ServiceUnavailable
from events.engine.redis_wire import RedisArg, RedisUnavailable, RedisWire, Waiter
from gateway.engine.admission import Admission
from gateway.engine.budget_shares import MAX_AGE_S
from gateway.engine.budgets import DegradeWanted
from gateway.engine.limits import Ticket
from gateway.engine.spending import CONFIRM_EVERY_S
from tests.gateway.doubles import budget
from tests.gateway.engine.budget_bench import Bench, counted


class NoWaiter:
    """Takes a reply and tells nobody."""

    def done(self) -> bool:
        return True

    def set_result(self, reply: Any, /) -> None:
        """Never called."""

    def set_exception(self, error: Exception, /) -> None:
        """Called when the connection is dropped."""


class BreakableWire(RedisWire):
    """A connection that can be cut and mended by hand."""

    cut = False
    mute = False

    @property
    def connected(self) -> bool:
        return not self.cut and super().connected

    def submit(self, waiter: Waiter, *args: RedisArg) -> None:
        if self.cut:
            raise RedisUnavailable("cut")
        super().submit(NoWaiter() if self.mute else waiter, *args)

    def mend(self) -> None:
        self.cut = False
        self.on_reconnected()


@pytest.fixture
async def bench(redis_url: str, redis: Any) -> AsyncIterator[Bench]:
    bench = Bench(redis_url, BreakableWire)
    yield bench
    await bench.close()


def wire_of(admission: Admission) -> BreakableWire:
    wire = admission._wire
    assert isinstance(wire, BreakableWire)
    return wire


async def told(admission: Admission) -> None:
    """Until the worker has said again what it had to."""
    async with asyncio.timeout(5):
        while admission.spending._tasks:
            await asyncio.gather(*admission.spending._tasks, return_exceptions=True)


async def test_each_worker_may_spend_its_share_of_what_was_left(bench: Bench) -> None:
    workers = [await bench.worker(workers=2) for _ in range(2)]
    hundred = budget(100)
    await bench.settle(workers[0], await bench.admit(workers[0], hundred, cost=20), 20)
    for worker in workers:
        # Both have heard what is left: 80.
        await bench.settle(worker, await bench.admit(worker, hundred, cost=0), 0)
        wire_of(worker).cut = True
    admitted = 0
    for worker in workers:
        for _ in range(20):
            outcome = await bench.tried(worker, hundred, cost=10)
            if isinstance(outcome, Ticket):
                assert outcome.degraded
                admitted += 10
            else:
                assert isinstance(outcome, ServiceUnavailable)
    assert admitted == 80


async def test_a_hard_budget_of_which_nothing_is_known_refuses_and_others_admit(bench: Bench) -> None:
    worker = await bench.worker()
    wire_of(worker).cut = True
    with pytest.raises(ServiceUnavailable):
        await bench.admit(worker, budget(100), cost=1)
    ticket = await bench.admit(worker, budget(100, action=BudgetAction.ALERT_ONLY, name="soft"), cost=1)
    assert ticket.degraded


class LaterClock(SystemClock):
    """Real time, moved."""

    offset_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.offset_s


async def test_what_was_heard_too_long_ago_is_not_gone_by(bench: Bench) -> None:
    clock = LaterClock()
    worker = await bench.worker(clock=clock)
    await bench.settle(worker, await bench.admit(worker, budget(100), cost=1), 1)
    clock.offset_s = MAX_AGE_S + 1
    wire_of(worker).cut = True
    with pytest.raises(ServiceUnavailable):
        await bench.admit(worker, budget(100), cost=1)


async def test_shares_go_by_what_other_workers_have_spent_meanwhile(bench: Bench) -> None:
    clock = LaterClock()
    quiet, busy = [await bench.worker(workers=2, clock=clock) for _ in range(2)]
    hundred = budget(100)
    await bench.settle(quiet, await bench.admit(quiet, hundred, cost=0), 0)
    for _ in range(9):
        await bench.settle(busy, await bench.admit(busy, hundred, cost=10), 10)
    clock.offset_s = CONFIRM_EVERY_S
    await quiet.spending.refresh()
    admitted = 0
    for worker in (quiet, busy):
        wire_of(worker).cut = True
        for _ in range(20):
            admitted += isinstance(await bench.tried(worker, hundred, cost=1), Ticket)
    assert admitted == 10, "The last tenth was left for both of them."


async def test_a_worker_that_was_quiet_when_redis_went_goes_by_what_it_knew_then(bench: Bench) -> None:
    clock = LaterClock()
    worker = await bench.worker(clock=clock)
    await bench.settle(worker, await bench.admit(worker, budget(100), cost=1), 1)
    wire_of(worker).cut = True
    await worker.spending.refresh()
    clock.offset_s = MAX_AGE_S * 10
    assert (await bench.admit(worker, budget(100), cost=1)).degraded


async def test_a_tenant_that_fails_closed_is_refused(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.admit(worker, budget(100), cost=1)
    wire_of(worker).cut = True
    with pytest.raises(ServiceUnavailable):
        await bench.admit(worker, budget(100), cost=1, fail_open=False)


async def test_a_share_that_is_used_up_degrades_where_the_budget_does(bench: Bench) -> None:
    worker = await bench.worker()
    degrading = budget(10, action=BudgetAction.DEGRADE)
    await bench.settle(worker, await bench.admit(worker, degrading, cost=4), 4)
    wire_of(worker).cut = True
    await bench.admit(worker, degrading, cost=6)
    with pytest.raises(DegradeWanted):
        await bench.admit(worker, degrading, cost=1)
    assert (await bench.admit(worker, degrading, cost=1, enforced=False)).degraded


async def test_what_a_call_did_not_need_is_there_for_the_next(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.settle(worker, await bench.admit(worker, budget(100), cost=1), 0)
    wire_of(worker).cut = True
    for _ in range(5):
        ticket = await bench.admit(worker, budget(100), cost=90)
        await bench.settle(worker, ticket, 1)


async def test_what_was_spent_without_redis_is_counted_when_it_is_back(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    hundred = budget(100)
    before = await bench.admit(worker, hundred, cost=10)
    wire_of(worker).cut = True
    worker.settle(before, tokens=0, cost_nanousd=9)
    ended = await bench.admit(worker, hundred, cost=20)
    running = await bench.admit(worker, hundred, cost=30)
    worker.settle(ended, tokens=0, cost_nanousd=15)
    wire_of(worker).mend()
    await told(worker)
    await worker.drain()
    assert await counted(redis) == {"spent": 0, "reserved": 30, "ended": 24}
    await bench.settle(worker, running, 25)
    assert await counted(redis) == {"spent": 0, "reserved": 0, "ended": 49}


async def test_hard_budgets_wait_after_an_outage_for_what_other_workers_have_spent(bench: Bench) -> None:
    workers = [await bench.worker(workers=2, grace_ms=400) for _ in range(2)]
    hundred = budget(100)
    for worker in workers:
        await bench.settle(worker, await bench.admit(worker, hundred, cost=0), 0)
        wire_of(worker).cut = True
        await bench.admit(worker, hundred, cost=50)
    wire_of(workers[0]).mend()
    asked = asyncio.create_task(bench.tried(workers[0], hundred, cost=20))
    await told(workers[0])
    wire_of(workers[1]).mend()
    await told(workers[1])
    assert isinstance(await asked, BudgetExceeded)


async def test_redis_that_lost_everything_during_the_outage_is_told_everything(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    hundred = budget(100)
    bench.ledger.record("before", 10)
    running = await bench.admit(worker, hundred, cost=20)
    wire_of(worker).cut = True
    local = await bench.admit(worker, hundred, cost=30)
    worker.settle(local, tokens=0, cost_nanousd=25)
    await redis.flushdb()
    wire_of(worker).mend()
    await told(worker)
    assert await counted(redis) == {"spent": 10, "reserved": 20, "ended": 25}
    await bench.settle(worker, running, 20)
    bench.ledger.record(running.call_id, 20)
    bench.ledger.record(local.call_id, 25)
    await worker.spending.confirm()
    assert await counted(redis) == {"spent": 55, "reserved": 0, "ended": 0}


async def test_a_worker_that_missed_the_message_notices_that_an_account_is_new(bench: Bench, redis: Any) -> None:
    workers = [await bench.worker() for _ in range(2)]
    hundred = budget(100)
    running = await bench.admit(workers[1], hundred, cost=60)
    await redis.flushdb()
    await bench.admit(workers[0], hundred, cost=10)
    await workers[1].spending.confirm()
    assert await counted(redis) == {"spent": 0, "reserved": 70, "ended": 0}
    await bench.settle(workers[1], running, 60)


async def test_confirming_waits_for_a_ledger_that_is_down(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    ticket = await bench.admit(worker, budget(100), cost=10)
    await bench.settle(worker, ticket, 8)
    bench.ledger.record(ticket.call_id, 8)
    bench.ledger.down = True
    await worker.spending.confirm()
    assert await counted(redis) == {"spent": 0, "reserved": 0, "ended": 8}
    bench.ledger.down = False
    await redis.delete(*[key async for key in redis.scan_iter("budget-confirming:*")])
    await worker.spending.confirm()
    assert await counted(redis) == {"spent": 8, "reserved": 0, "ended": 0}


async def test_a_call_that_was_refused_while_redis_hung_leaves_no_reservation(bench: Bench, redis: Any) -> None:
    worker = await bench.worker(timeout_s=0.05)
    large: BudgetSpec = budget(100)
    await bench.settle(worker, await bench.admit(worker, large, cost=1), 1)
    # Redis decides, and its answer never comes.
    wire_of(worker).mute = True
    with pytest.raises(ServiceUnavailable):
        await bench.admit(worker, large, cost=99, fail_open=False)
    wire_of(worker).mute = False
    assert await counted(redis) == {"spent": 0, "reserved": 99, "ended": 1}
    async with asyncio.timeout(5):
        while (await counted(redis))["reserved"] or not worker._wire.connected:
            await worker.drain()
            await asyncio.sleep(0.01)
    assert await counted(redis) == {"spent": 0, "reserved": 0, "ended": 1}
