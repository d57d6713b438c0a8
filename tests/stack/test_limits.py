"""Limits hold over both workers, however hard callers push."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import Counter

import aiohttp
import pytest

from tests.stack.conftest import Upstreams
from tests.stack.installation import GOVERNED_KEY, GOVERNED_ROUTE, Installation
from tests.upstreams.server import SlowPieces, UpstreamServer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

WINDOWS = int(os.environ.get("STACK_LIMIT_WINDOWS", "2"))
WINDOW_S = float(os.environ.get("STACK_LIMIT_WINDOW_S", "5"))
"""60 in the long variant."""
RATE = 20.0
"""Calls a second that the limit allows on average."""
PRESSURE = 5
PLACES = 10


async def test_at_five_times_the_rate_a_limit_admits_what_it_says(
    installation: Installation, upstreams: Upstreams
) -> None:
    limit = round(RATE * WINDOW_S)
    await asyncio.to_thread(installation.control, "limit-users", "requests", str(limit), str(round(WINDOW_S)))
    user = f"eager-{secrets.token_hex(4)}"
    statuses: Counter[int] = Counter()
    async with _session() as session:
        began = time.monotonic()
        # The last window ends before the first calls of the next one could be let in.
        end = began + WINDOWS * WINDOW_S - 0.3
        calls: set[asyncio.Task[None]] = set()
        due = began
        while due < end:
            calls.add(asyncio.create_task(_call(installation, session, user, statuses, until=end)))
            due += 1 / (RATE * PRESSURE)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*calls)
    print(f"{statuses[200]} of {sum(statuses.values())} calls admitted, {WINDOWS} windows of {limit}")
    assert set(statuses) == {200, 429}
    assert abs(statuses[200] - WINDOWS * limit) <= 0.01 * WINDOWS * limit


async def test_no_more_calls_are_under_way_than_there_are_places(
    installation: Installation, upstreams: Upstreams
) -> None:
    await asyncio.to_thread(installation.control, "limit-users", "concurrency", str(PLACES), "0")
    user = f"crowd-{secrets.token_hex(4)}"
    statuses: Counter[int] = Counter()
    upstreams[0].fail(SlowPieces(delay_s=0.05), times=None)
    most = 0
    async with _session() as session:
        stop = asyncio.Event()

        async def keep_calling() -> None:
            while not stop.is_set():
                await _call(installation, session, user, statuses)

        callers = [asyncio.create_task(keep_calling()) for _ in range(PLACES * PRESSURE)]
        until = time.monotonic() + 4
        while time.monotonic() < until:
            most = max(most, _under_way(upstreams[0]))
            await asyncio.sleep(0.005)
        stop.set()
        await asyncio.gather(*callers)
    print(f"at most {most} of {PLACES} places taken, {statuses}")
    assert set(statuses) == {200, 429}
    assert PLACES - 1 <= most <= PLACES


def _under_way(server: UpstreamServer) -> int:
    return sum(not request.answered and not request.disconnected for request in server.requests)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # A connection for each call: the kernel spreads them over the workers.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        headers={"authorization": f"Bearer {GOVERNED_KEY}"},
    )


async def _call(
    installation: Installation,
    session: aiohttp.ClientSession,
    user: str,
    statuses: Counter[int],
    until: float = float("inf"),
) -> None:
    """Count how it ended, if by then: what ends later may have been let in with the next window."""
    body = {"model": GOVERNED_ROUTE, "messages": [{"role": "user", "content": "Hello"}], "user": user}
    async with session.post(f"{installation.root}/v1/chat/completions", json=body) as response:
        await response.read()
        if time.monotonic() < until:
            statuses[response.status] += 1
