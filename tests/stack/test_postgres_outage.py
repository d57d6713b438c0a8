"""PostgreSQL freezes, or dies and comes back with its data, while calls come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import pytest

from tests.business import business
from tests.stack.conftest import Upstreams
from tests.stack.installation import OUTAGE_S, SPEC_TTL_S, Installation, eventually
from tests.stack.ledger import Figures, figures
from tests.stack.load import Load, p95

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
LONGEST_S = 0.5
"""Each of key, tenant and platform may be asked for once for 50 ms; the rest is a busy machine."""
UNKNOWN_KEY_S = 3.5
"""A load is given up after 2 s."""


@asynccontextmanager
async def frozen(installation: Installation) -> AsyncIterator[None]:
    installation.postgres.freeze()
    try:
        yield
    finally:
        installation.postgres.thaw()


@asynccontextmanager
async def dead(installation: Installation) -> AsyncIterator[None]:
    await asyncio.to_thread(installation.postgres.kill)
    try:
        yield
    finally:
        # From this thread: the server is told when the thread that started it ends.
        installation.postgres.start()


@pytest.mark.parametrize("outage", [frozen, dead])
async def test_known_keys_are_served_without_postgres_and_their_events_arrive_once(
    installation: Installation, upstreams: Upstreams, report: Callable[[Figures], None], outage: Any
) -> None:
    assert OUTAGE_S > 2 * SPEC_TTL_S
    async with installation.lines_to_workers() as lines, Load(installation.root, rate=30) as load:
        await load.for_s(2)
        began = time.monotonic()
        async with outage(installation):
            away = asyncio.create_task(load.for_s(OUTAGE_S))
            await asyncio.gather(*(_refused_and_shown(installation, line) for line in lines.values()))
            await away
            ended = time.monotonic()
        for line in lines.values():
            await eventually(partial(_well, installation, line), "the worker sees PostgreSQL again", 15)
        await load.for_s(1)
    during = load.between(began, ended)
    beyond_ttl = load.between(began + 2 * SPEC_TTL_S, ended)
    counted = await figures(installation, load, during)
    report(counted)
    print(f"{len(beyond_ttl)} calls with specs past their time, slowest {max(c.took_s for c in beyond_ttl) * 1000:.0f}")
    assert load.failed == [], [call.problem for call in load.failed]
    assert beyond_ttl
    # A single call may meet a pause of the machine.
    assert p95([call.took_s for call in during]) < LONGEST_S * business()
    assert counted.found == counted.expected
    assert counted.duplicates == 0
    assert counted.unended == 0


async def _refused_and_shown(installation: Installation, line: aiohttp.ClientSession) -> None:
    await asyncio.sleep(1)
    began = time.monotonic()
    headers = {"authorization": "Bearer never-heard-of"}
    async with line.post(f"{installation.root}/v1/chat/completions", json=HELLO, headers=headers) as response:
        answer = await response.json()
        assert response.status == 503, answer
        assert answer["error"]["retryable"] is True
        assert int(response.headers["retry-after"]) >= 1
    assert time.monotonic() - began < UNKNOWN_KEY_S * business()
    health = await installation.health(line)
    assert health["status"] == "degraded"
    assert health["dependencies"]["postgresql"]["status"] == "down"


async def _well(installation: Installation, line: aiohttp.ClientSession) -> bool:
    return (await installation.health(line))["status"] == "ok"
