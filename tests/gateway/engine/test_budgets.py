"""Budgets in admission, against a real Redis and a ledger in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from contracts.budgets import BudgetAction, BudgetWindow
from contracts.clock import SystemClock
from contracts.errors import BudgetExceeded, RateLimited, ServiceUnavailable
from contracts.specs import LimitMetric
from gateway.engine.budgets import DegradeWanted
from gateway.engine.limits import Ticket
from tests.gateway.doubles import budget, limit
from tests.gateway.engine.budget_bench import GRACE_MS, Bench, counted


@pytest.fixture
async def bench(redis_url: str, redis: Any) -> AsyncIterator[Bench]:
    bench = Bench(redis_url)
    yield bench
    await bench.close()


async def test_calls_are_admitted_as_long_as_the_budget_pays_for_the_dearest_outcome(bench: Bench) -> None:
    worker = await bench.worker()
    thirty = budget(30)
    for _ in range(3):
        await bench.admit(worker, thirty, cost=10)
    with pytest.raises(BudgetExceeded) as refused:
        await bench.admit(worker, thirty, cost=1)
    details = refused.value.details
    assert details is not None
    assert (details["level"], details["subject"], details["budget"]) == ("tenant", "tenant-1", "tenant budget")
    assert (details["spent_nanousd"], details["reserved_nanousd"], details["limit_nanousd"]) == (0, 30, 30)
    assert refused.value.retry_after_s is None


async def test_a_settled_call_counts_what_it_cost(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    ticket = await bench.admit(worker, budget(30), cost=30)
    await bench.settle(worker, ticket, 12)
    assert await counted(redis) == {"spent": 0, "reserved": 0, "ended": 12}
    ticket = await bench.admit(worker, budget(30), cost=18)
    assert ticket.budgets[0].remaining == 0


async def test_a_call_that_cost_nothing_leaves_nothing(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    await bench.settle(worker, await bench.admit(worker, budget(30), cost=30), 0)
    assert await counted(redis) == {"spent": 0, "reserved": 0, "ended": 0}


async def test_a_refused_call_counts_in_no_other_budget_and_no_limit(bench: Bench) -> None:
    worker = await bench.worker()
    wide, narrow, requests = budget(100, name="wide"), budget(10, name="narrow"), limit(3)
    await bench.admit(worker, wide, narrow, cost=10, limits=(requests,))
    for _ in range(4):
        with pytest.raises(BudgetExceeded, match="narrow"):
            await bench.admit(worker, wide, narrow, cost=10, limits=(requests,))
    ticket = await bench.admit(worker, wide, cost=10, limits=(requests,))
    assert ticket.limits[0].remaining == 1
    assert ticket.budgets[0].remaining == 80


async def test_a_call_refused_by_a_limit_costs_no_budget(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.admit(worker, budget(100), cost=10, limits=(limit(1),))
    with pytest.raises(RateLimited):
        await bench.admit(worker, budget(100), cost=10, limits=(limit(1),))
    assert (await bench.admit(worker, budget(100), cost=10)).budgets[0].remaining == 80


async def test_end_users_have_budgets_of_their_own(bench: Bench) -> None:
    worker = await bench.worker()
    each = budget(10, level="user")
    await bench.admit(worker, each, cost=10, user="ann")
    await bench.admit(worker, each, cost=10, user="bob")
    with pytest.raises(BudgetExceeded, match="user 'ann'"):
        await bench.admit(worker, each, cost=1, user="ann")
    assert (await bench.admit(worker, each, cost=1)).budgets == []


async def test_no_end_users_name_is_mistaken_for_something_else(bench: Bench) -> None:
    worker = await bench.worker()
    each, one_at_a_time = budget(10, level="user"), limit(1, LimitMetric.CONCURRENCY, level="user")
    waits = msgspec.structs.replace(one_at_a_time, max_wait_ms=1_000)
    for user in ("bob", "bob:leases", "bob:epoch", "bob:queue", "bob:patience", "{other}", "bob|worker", "é\n\x00"):
        ticket = await bench.admit(worker, each, cost=10, user=user, limits=(waits,))
        assert not ticket.degraded
        assert isinstance(await bench.tried(worker, each, cost=10, user=user), BudgetExceeded)


async def test_what_the_ledger_has_counts_from_the_first_call_on(bench: Bench) -> None:
    bench.ledger.record("long ago", 70)
    worker = await bench.worker()
    ticket = await bench.admit(worker, budget(100), cost=30)
    assert ticket.budgets[0].remaining == 0
    assert ticket.budgets[0].consumed == 70


async def test_calls_that_find_no_account_share_one_query(bench: Bench) -> None:
    worker = await bench.worker()
    await asyncio.gather(*(bench.admit(worker, budget(100), cost=1) for _ in range(50)))
    assert bench.ledger.reads == 1


async def test_two_hundred_calls_at_once_on_two_workers_never_overspend(bench: Bench, redis: Any) -> None:
    workers = [await bench.worker() for _ in range(2)]
    fifty = budget(50 * 1_000_003)
    outcomes = await asyncio.gather(*(bench.tried(workers[n % 2], fifty, cost=1_000_003) for n in range(200)))
    tickets = [(n, outcome) for n, outcome in enumerate(outcomes) if isinstance(outcome, Ticket)]
    assert len(tickets) == 50
    assert all(isinstance(outcome, Ticket | BudgetExceeded) for outcome in outcomes)
    for n, ticket in tickets:
        cost = 900_001 + n
        bench.ledger.record(ticket.call_id, cost)
        workers[n % 2].settle(ticket, tokens=0, cost_nanousd=cost)
    for worker in workers:
        await worker.drain()
    for worker in workers:
        await worker.spending.confirm()
        # All is confirmed, whoever did it: nobody has anything left to say.
        assert not worker.spending._dirty
    assert await counted(redis) == {"spent": bench.ledger.total, "reserved": 0, "ended": 0}


async def test_confirming_moves_what_the_ledger_has_and_leaves_the_rest(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    first, second, _ = [await bench.admit(worker, budget(100), cost=10) for _ in range(3)]
    await bench.settle(worker, first, 7)
    await bench.settle(worker, second, 8)
    bench.ledger.record(first.call_id, 7)
    await worker.spending.confirm()
    assert await counted(redis) == {"spent": 7, "reserved": 10, "ended": 8}


async def test_a_call_that_the_ledger_had_before_redis_counts_once(
    bench: Bench, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.spending.CONFIRM_EVERY_S", 0.02)
    worker = await bench.worker()
    ticket = await bench.admit(worker, budget(100), cost=10)
    bench.ledger.record(ticket.call_id, 8)
    worker.spending.ended(ticket.budgets[0].account, ticket.call_id, 8)
    await worker.spending.confirm()
    worker.settle(ticket, tokens=0, cost_nanousd=8)
    await worker.drain()
    assert await counted(redis) == {"spent": 8, "reserved": 0, "ended": 8}
    # Until the next may confirm.
    await asyncio.sleep(0.02)
    await worker.spending.confirm()
    assert await counted(redis) == {"spent": 8, "reserved": 0, "ended": 0}


async def test_an_older_answer_of_the_ledger_is_not_applied(bench: Bench, redis: Any) -> None:
    worker = await bench.worker()
    ticket = await bench.admit(worker, budget(100), cost=10)
    account = ticket.budgets[0].account
    old = await worker.spending._read(account, ())
    await bench.settle(worker, ticket, 7)
    bench.ledger.record(ticket.call_id, 7)
    await worker.spending.confirm()
    await worker.spending._rebase(account, old)
    assert await counted(redis) == {"spent": 7, "reserved": 0, "ended": 0}


async def test_thresholds_are_told_once_across_workers(bench: Bench) -> None:
    workers = [await bench.worker() for _ in range(2)]
    hundred = budget(100, thresholds=(50, 80, 100))
    for n in range(20):
        ticket = await bench.admit(workers[n % 2], hundred, cost=5)
        await bench.settle(workers[n % 2], ticket, 5)
        bench.ledger.record(ticket.call_id, 5)
        if n % 3 == 0:
            for worker in workers:
                await worker.spending.confirm()
    assert bench.crossings() == [50, 80, 100]


async def test_a_raised_limit_holds_for_the_next_call_and_tells_its_own_thresholds(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.settle(worker, await bench.admit(worker, budget(100), cost=90), 90)
    raised = budget(200)
    await bench.settle(worker, await bench.admit(worker, raised, cost=20), 20)
    await bench.settle(worker, await bench.admit(worker, raised, cost=60), 60)
    # 90 of 100 crossed 50 and 80; 110 of 200 lies above 50 again, 170 of 200 above 80.
    assert bench.crossings() == [50, 80, 50, 80]


async def test_a_lowered_limit_holds_for_the_next_call(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.settle(worker, await bench.admit(worker, budget(100), cost=60), 60)
    assert isinstance(await bench.tried(worker, budget(50), cost=1), BudgetExceeded)


async def test_a_worker_confirms_by_itself_until_it_stops(
    bench: Bench, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.spending.CONFIRM_EVERY_S", 0.02)
    worker = await bench.worker()
    worker.start()
    ticket = await bench.admit(worker, budget(100), cost=10)
    bench.ledger.record(ticket.call_id, 8)
    worker.settle(ticket, tokens=0, cost_nanousd=8)
    async with asyncio.timeout(5):
        while await counted(redis) != {"spent": 8, "reserved": 0, "ended": 0}:  # noqa: ASYNC110 - another task's
            await asyncio.sleep(0.01)
    worker.messages_missed()
    await worker.stop()


async def test_a_settlement_that_arrives_while_its_call_is_confirmed_is_not_counted_twice(
    bench: Bench, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.spending.CONFIRM_EVERY_S", 0.02)
    worker = await bench.worker()
    ticket = await bench.admit(worker, budget(100), cost=10)
    bench.ledger.record(ticket.call_id, 8)
    worker.spending.ended(ticket.budgets[0].account, ticket.call_id, 8)
    await worker.spending.confirm()
    worker.settle(ticket, tokens=0, cost_nanousd=8)
    ask = worker.spending._ask

    async def asking(*command: Any) -> Any:
        reply = await ask(*command)
        if command[0] == "HKEYS":
            await worker.drain()  # behind the question for the account's fields, and so not among them
        return reply

    with monkeypatch.context() as patched:
        patched.setattr(worker.spending, "_ask", asking)
        await worker.spending.confirm()

    for _ in range(3):
        await asyncio.sleep(0.02)
        await worker.spending.confirm()

    assert await counted(redis) == {"spent": 8, "reserved": 0, "ended": 0}


async def test_one_call_can_cross_several_thresholds(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.settle(worker, await bench.admit(worker, budget(100), cost=90), 90)
    await asyncio.sleep(GRACE_MS / 1000)
    assert bench.crossings() == [50, 80]


async def test_a_dead_workers_reservation_counts_until_the_ledger_was_asked(bench: Bench, redis: Any) -> None:
    dead, alive = [await bench.worker() for _ in range(2)]
    ticket = await bench.admit(dead, budget(100), cost=100, lease_ms=30)
    with pytest.raises(BudgetExceeded):
        await bench.admit(alive, budget(100), cost=60)
    # It was answered and billed before its worker died.
    bench.ledger.record(ticket.call_id, 40)
    async with asyncio.timeout(5):
        while isinstance(await bench.tried(alive, budget(100), cost=60), BudgetExceeded):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await counted(redis) == {"spent": 40, "reserved": 60, "ended": 0}


async def test_after_a_flush_nothing_is_forgotten(bench: Bench, redis: Any) -> None:
    workers = [await bench.worker() for _ in range(2)]
    hundred = budget(100)
    running = await bench.admit(workers[0], hundred, cost=20)
    ended = await bench.admit(workers[1], hundred, cost=30)
    await bench.settle(workers[1], ended, 25)
    billed = await bench.admit(workers[0], hundred, cost=30)
    await bench.settle(workers[0], billed, 27)
    bench.ledger.record(billed.call_id, 27)
    await redis.flushdb()
    asked = asyncio.create_task(bench.tried(workers[0], hundred, cost=29))
    while not await redis.exists("budget-epoch:{tenant-1}"):  # noqa: ASYNC110 - a condition in Redis
        await asyncio.sleep(0)
    workers[1].spending.rebuilt("tenant-1")
    assert isinstance(await asked, BudgetExceeded)
    assert await counted(redis) == {"spent": 27, "reserved": 20, "ended": 25}
    await bench.admit(workers[1], hundred, cost=28)
    await bench.settle(workers[0], running, 20)


async def test_hard_budgets_wait_for_every_worker_after_a_flush_and_others_do_not(bench: Bench, redis: Any) -> None:
    worker = await bench.worker(grace_ms=300)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await bench.admit(worker, budget(100, action=BudgetAction.ALERT_ONLY, name="soft"), cost=1)
    assert loop.time() - started < 0.25
    await bench.admit(worker, budget(100), cost=1)
    assert loop.time() - started >= 0.3


async def test_with_the_ledger_down_hard_budgets_refuse_and_others_admit(bench: Bench) -> None:
    worker = await bench.worker()
    bench.ledger.down = True
    with pytest.raises(ServiceUnavailable) as refused:
        await bench.admit(worker, budget(100), cost=1)
    assert refused.value.retry_after_s is not None
    ticket = await bench.admit(worker, budget(100, action=BudgetAction.ALERT_ONLY, name="soft"), cost=1)
    assert not ticket.degraded


async def test_a_ledger_that_is_down_is_not_asked_by_every_call(bench: Bench) -> None:
    worker = await bench.worker()
    bench.ledger.down = True
    watched = budget(100, action=BudgetAction.ALERT_ONLY)
    for _ in range(20):
        await bench.admit(worker, watched, cost=1)
    assert bench.ledger.reads == 1


async def test_a_known_account_needs_no_ledger(bench: Bench) -> None:
    worker = await bench.worker()
    await bench.admit(worker, budget(100), cost=1)
    bench.ledger.down = True
    await bench.admit(worker, budget(100), cost=1)


async def test_a_budget_that_degrades_says_so_and_counts_the_degraded_call(bench: Bench) -> None:
    worker = await bench.worker()
    degrading = budget(10, action=BudgetAction.DEGRADE)
    await bench.admit(worker, degrading, cost=10)
    with pytest.raises(DegradeWanted) as wanted:
        await bench.admit(worker, degrading, cost=10)
    assert [each.account.spec for each in wanted.value.exhausted] == [degrading]
    ticket = await bench.admit(worker, degrading, cost=2, enforced=False)
    assert ticket.budgets[0].used == 12


async def test_alert_only_admits_beyond_the_limit(bench: Bench) -> None:
    worker = await bench.worker()
    watched = budget(10, action=BudgetAction.ALERT_ONLY)
    for _ in range(3):
        ticket = await bench.admit(worker, watched, cost=10)
    assert ticket.budgets[0].used == 30
    assert ticket.budgets[0].remaining == 0


@pytest.mark.parametrize("amount", [2**31 + 1, 2**53 - 3])
async def test_large_amounts_stay_exact(bench: Bench, redis: Any, amount: int) -> None:
    worker = await bench.worker()
    large = budget(2**53 - 1)
    await bench.settle(worker, await bench.admit(worker, large, cost=amount), amount)
    await bench.admit(worker, large, cost=1)
    assert await counted(redis) == {"spent": 0, "reserved": 1, "ended": amount}
    if amount == 2**53 - 3:
        assert isinstance(await bench.tried(worker, large, cost=2), BudgetExceeded)


class MovedClock(SystemClock):
    """Real time, moved."""

    offset_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.offset_ms


async def test_a_new_period_begins_with_nothing_spent(bench: Bench) -> None:
    clock = MovedClock()
    worker = await bench.worker(clock=clock)
    hourly = budget(10, window=BudgetWindow.HOUR)
    ticket = await bench.admit(worker, hourly, cost=10)
    with pytest.raises(BudgetExceeded) as refused:
        await bench.admit(worker, hourly, cost=1)
    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= 3600
    clock.offset_ms = 3_600_000
    second = await bench.admit(worker, hourly, cost=10)
    assert second.budgets[0].account is not ticket.budgets[0].account
    # What ends now still belongs to the hour in which it began.
    await bench.settle(worker, ticket, 4)
    assert isinstance(await bench.tried(worker, hourly, cost=1), BudgetExceeded)
