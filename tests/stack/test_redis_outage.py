"""Redis freezes, or dies with everything in it, while calls come in."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.business import business
from tests.stack.conftest import Upstreams
from tests.stack.installation import OUTAGE_S, Installation, eventually
from tests.stack.ledger import Figures, figures
from tests.stack.load import Load, p95

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

ADMISSION_TIMEOUT_S = 0.25
SLACK_S = 0.25
"""For a machine that does other things too: two workers, Celery, two servers and this test share it."""


@asynccontextmanager
async def frozen(installation: Installation) -> AsyncIterator[None]:
    installation.redis.freeze()
    try:
        yield
    finally:
        installation.redis.thaw()


@asynccontextmanager
async def dead(installation: Installation) -> AsyncIterator[None]:
    await asyncio.to_thread(installation.redis.kill)
    try:
        yield
    finally:
        # From this thread: the server is told when the thread that started it ends.
        installation.redis.start()


@pytest.mark.parametrize("outage", [frozen, dead])
async def test_calls_go_on_without_redis_and_their_events_arrive_once(
    installation: Installation, upstreams: Upstreams, report: Callable[[Figures], None], outage: Any
) -> None:
    async with installation.lines_to_workers() as lines, Load(installation.root, rate=30) as load:
        await load.for_s(2)
        began = time.monotonic()
        async with outage(installation):
            away = asyncio.create_task(load.for_s(OUTAGE_S))
            await load.for_s(1)
            for line in lines.values():
                health = await installation.health(line)
                assert health["status"] == "degraded"
                assert health["dependencies"]["redis"]["status"] == "down"
            await away
        ended = time.monotonic()
        for line in lines.values():
            await eventually(partial(_well, installation, line), "the worker uses Redis again", 10)
        await load.for_s(1)
    during = load.between(began, ended)
    counted = await figures(installation, load, during)
    report(counted)
    detected = load.between(began + 1.0, ended)
    print(
        f"during: median {statistics.median(call.took_s for call in during) * 1000:.0f} ms; after detection: "
        f"median {statistics.median(call.took_s for call in detected) * 1000:.0f} ms, "
        f"slowest {max(call.took_s for call in detected) * 1000:.0f} ms"
    )
    assert load.failed == []
    # A single call may meet a pause of the machine.
    assert p95([call.took_s for call in during]) < (ADMISSION_TIMEOUT_S + SLACK_S) * business()
    assert p95([call.took_s for call in detected]) < SLACK_S * business()
    assert counted.found == counted.expected
    assert counted.duplicates == 0
    assert counted.unended == 0
    told = installation.sql(
        "SELECT payload->>'degraded', count(DISTINCT service_name) FROM events_event"
        " WHERE event_type = 'admission.limiter.degraded' AND occurred_at >= %s GROUP BY 1",
        load.opened_at,
    )
    assert {degraded for degraded, _ in told} == {"true", "false"}


async def _well(installation: Installation, line: Any) -> bool:
    return (await installation.health(line))["status"] == "ok"
