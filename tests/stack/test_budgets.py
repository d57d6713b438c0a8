"""Money: whatever callers, crashes and a forgetful Redis do, budgets hold and each nano-dollar counts once."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from typing import Any

import aiohttp
import pytest
import redis.asyncio as redis_client

from tests.stack.conftest import Upstreams
from tests.stack.installation import GOVERNED_KEY, GOVERNED_ROUTE, Installation, eventually
from tests.upstreams.server import SlowPieces, UpstreamServer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("STACK_BUDGET_RUNS", "2"))
"""20 in the long variant; each run once with and once without streaming."""
CALLERS = 200
PAID_FOR = 50
INPUT_NANOUSD, OUTPUT_NANOUSD = 1, 2
"""Prices per token of the governed route's model."""
LONGEST_ANSWER = 3


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_two_hundred_callers_share_a_budget_that_pays_for_fifty(
    installation: Installation, upstreams: Upstreams, streamed: bool
) -> None:
    cost = await _cost_of_one(installation, upstreams[0], streamed)
    limit = cost * PAID_FOR
    upstreams[0].fail(SlowPieces(delay_s=0.02), times=None)
    for _ in range(RUNS):
        await asyncio.to_thread(installation.control, "budget-users", str(limit))
        user = f"crowd-{secrets.token_hex(4)}"
        statuses: Counter[int] = Counter()
        async with _session() as session:
            await asyncio.gather(*(_call(installation, session, user, streamed, statuses) for _ in range(CALLERS)))
        assert set(statuses) == {200, 402}
        spent = statuses[200] * cost
        print(f"{statuses[200]} of {CALLERS} calls admitted, {spent} of {limit} nano-USD spent")
        assert spent <= limit
        assert statuses[200] >= PAID_FOR // 3, "reservations should not keep out what the budget pays for"
        await _agrees(installation, user, upstreams[0], spent)


async def test_a_budget_is_used_up_to_its_last_call(installation: Installation, upstreams: Upstreams) -> None:
    cost = await _cost_of_one(installation, upstreams[0], streamed=False)
    await asyncio.to_thread(installation.control, "budget-users", str(cost * PAID_FOR))
    user = f"patient-{secrets.token_hex(4)}"
    statuses: Counter[int] = Counter()
    async with _session() as session:
        for _ in range(PAID_FOR * 2):
            await _call(installation, session, user, False, statuses)
            if statuses[402]:
                break
    # The last calls are refused because the most they could cost is more than they would.
    assert PAID_FOR - 4 <= statuses[200] <= PAID_FOR
    await _agrees(installation, user, upstreams[0], statuses[200] * cost)


async def test_a_flushed_redis_forgets_no_spending(installation: Installation, upstreams: Upstreams) -> None:
    cost = await _cost_of_one(installation, upstreams[0], streamed=False)
    limit = cost * PAID_FOR
    await asyncio.to_thread(installation.control, "budget-users", str(limit))
    user = f"forgotten-{secrets.token_hex(4)}"
    statuses: Counter[int] = Counter()
    upstreams[0].fail(SlowPieces(delay_s=0.05), times=None)
    async with _session() as session, _redis(installation) as server:
        for _ in range(6):
            calls = [asyncio.create_task(_call(installation, session, user, False, statuses)) for _ in range(20)]
            await asyncio.sleep(0.03)
            await server.flushall()
            await asyncio.gather(*calls)
    print(f"{dict(statuses)}: {statuses[200] * cost} of {limit} nano-USD spent in spite of six flushes")
    assert statuses[200] * cost <= limit
    await _agrees(installation, user, upstreams[0], statuses[200] * cost)


async def test_a_rotated_keys_budget_goes_on_for_both_keys_also_after_a_flush(
    installation: Installation, upstreams: Upstreams
) -> None:
    cost = await _cost_of_one(installation, upstreams[0], streamed=False)
    limit = cost * 20
    old_key = f"rotated-{secrets.token_hex(8)}"
    await asyncio.to_thread(installation.control, "budget-key", old_key, str(limit))
    user = f"of-rotated-{secrets.token_hex(4)}"
    before, after = Counter[int](), Counter[int]()
    async with _session(old_key) as old, _redis(installation) as server:
        for _ in range(8):
            await _call(installation, old, user, False, before)
        new_key = (await asyncio.to_thread(installation.control, "rotate-key", old_key)).splitlines()[-1]
        async with _session(new_key) as new:
            for _ in range(4):
                await _call(installation, old, user, False, before)
                await _call(installation, new, user, False, after)
            assert (before, after) == ({200: 12}, {200: 4})
            await eventually(lambda: len(_ledger(installation, user)) == 16, "the ledger has them all", 30)
            await server.flushall()
            for _ in range(8):
                await asyncio.gather(
                    _call(installation, old, user, False, before), _call(installation, new, user, False, after)
                )
    assert set(before) == set(after) == {200, 402}
    admitted = before[200] + after[200]
    print(f"{before[200]} calls with the old key and {after[200]} with the new one: {admitted * cost} of {limit}")
    assert 20 - 4 <= admitted <= 20


async def test_killed_processes_and_a_flush_bill_nothing_twice_and_leave_nothing_unbilled(
    installation: Installation, upstreams: Upstreams
) -> None:
    await asyncio.to_thread(installation.control, "budget-users", str(2**50))
    cost = await _cost_of_one(installation, upstreams[0], streamed=False)
    user = f"unlucky-{secrets.token_hex(4)}"
    statuses: Counter[int] = Counter()
    ids: list[str] = []
    stop = asyncio.Event()

    async def keep_calling(session: aiohttp.ClientSession, streamed: bool) -> None:
        while not stop.is_set():
            await _call(installation, session, user, streamed, statuses, ids)
            await asyncio.sleep(0.05)

    async with _session() as session, _redis(installation) as server:
        callers = [asyncio.create_task(keep_calling(session, number % 4 == 3)) for number in range(8)]
        await asyncio.sleep(1.5)
        installation.up.web_workers()[0].kill()
        await asyncio.sleep(1)
        if (collector := installation.up.collector()) is not None:
            collector.kill()
        await asyncio.sleep(1)
        await server.flushall()
        await asyncio.sleep(2)
        stop.set()
        await asyncio.gather(*callers)
    await eventually(lambda: len(installation.up.web_workers()) == 2, "the worker is back")

    def all_billed() -> bool:
        return set(ids) <= {row[0] for row in _ledger(installation, user)}

    await eventually(all_billed, "every answered call is in the ledger", 60)
    rows = _ledger(installation, user)
    by_call = Counter(row[0] for row in rows)
    print(f"{dict(statuses)}; {len(ids)} answered, {len(rows)} in the ledger")
    assert max(by_call.values()) == 1
    assert all(row[1] == cost for row in rows if row[0] in set(ids))
    # Calls that their worker took with it are billed at most once, and only if their end was told.
    assert len(rows) - len(ids) <= statuses[0]


async def _agrees(installation: Installation, user: str, upstream: UpstreamServer, spent: int) -> None:
    """Redis, the ledger and what the provider counted are the same, to the nano-dollar."""

    def ledger() -> int:
        return sum(row[1] for row in _ledger(installation, user))

    await eventually(lambda: ledger() == spent, f"the ledger says {spent}", 30)
    async with _redis(installation) as server:

        async def counters() -> dict[str, int]:
            found = [key async for key in server.scan_iter(f"budget:*:{user}")]
            totals: Counter[str] = Counter()
            for key in found:
                fields: Any = await server.hgetall(key)
                for name in (b"s", b"r", b"q"):
                    totals[name.decode()] += int(fields.get(name, 0))
            return dict(totals)

        async def equal() -> bool:
            return await counters() == {"s": spent, "r": 0, "q": 0}

        try:
            await eventually(equal, "the counters equal the ledger", 30)
        except AssertionError:
            raise AssertionError(f"the ledger says {spent}, the counters {await counters()}") from None


async def _cost_of_one(installation: Installation, upstream: UpstreamServer, streamed: bool) -> int:
    """What one call costs by the provider's own count."""
    await asyncio.to_thread(installation.control, "budget-users", str(2**50))
    user = f"first-{secrets.token_hex(4)}"
    async with _session() as session:
        await _call(installation, session, user, streamed, Counter())
    rows = await eventually(lambda: _ledger(installation, user), "the call is in the ledger", 30)
    ((_, cost, input_tokens, output_tokens),) = rows
    assert cost == input_tokens * INPUT_NANOUSD + output_tokens * OUTPUT_NANOUSD > 0
    return int(cost)


def _ledger(installation: Installation, user: str) -> list[tuple[Any, ...]]:
    return installation.sql(
        "SELECT correlation_id, cost_nanousd, input_tokens, output_tokens FROM events_usage WHERE end_user = %s",
        user,
    )


def _redis(installation: Installation) -> redis_client.Redis:
    return redis_client.Redis.from_url(installation.layout.redis_url())


def _session(key: str = GOVERNED_KEY) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # A connection for each call: the kernel spreads them over the workers.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=30),
        headers={"authorization": f"Bearer {key}"},
    )


async def _call(
    installation: Installation,
    session: aiohttp.ClientSession,
    user: str,
    streamed: bool,
    statuses: Counter[int],
    ids: list[str] | None = None,
) -> None:
    body = {
        "model": GOVERNED_ROUTE,
        "messages": [{"role": "user", "content": "Hello"}],
        "user": user,
        "stream": streamed,
        "max_tokens": LONGEST_ANSWER,
    }
    try:
        async with session.post(f"{installation.root}/v1/chat/completions", json=body) as response:
            answer = await response.read()
            complete = b"[DONE]" in answer if streamed else b'"usage"' in answer
            if response.status == 200 and not complete:
                statuses[0] += 1
                return
            statuses[response.status] += 1
            if response.status == 200 and ids is not None:
                ids.append(response.headers["x-correlation-id"])
    except (aiohttp.ClientError, TimeoutError, OSError):
        statuses[0] += 1
