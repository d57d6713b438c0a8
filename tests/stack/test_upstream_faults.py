"""The preferred provider goes wrong under load while the second one is healthy."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from tests.business import business
from tests.stack.conftest import Upstreams
from tests.stack.installation import ROUTE, Installation, eventually
from tests.stack.ledger import Figures, figures
from tests.stack.load import Load, p95
from tests.upstreams.server import Fault, Garbage, HalfStream, Hang, RateLimited, Reset

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

PREFERRED = "upstream-0/model-0"
FAULT_S = 3.0
LONGEST_S = {"Hang": 3.0}
"""A hanging upstream costs a call its first-token timeout (1 s) or its answer timeout (1.5 s), once."""


@pytest.mark.parametrize(
    "fault",
    [Hang(), Reset(), HalfStream(pieces=2), Garbage(), RateLimited()],
    ids=["hangs", "resets", "cuts_streams", "garbage", "rate_limits"],
)
async def test_calls_move_to_the_healthy_target_and_the_circuit_opens_and_closes(
    installation: Installation, upstreams: Upstreams, report: Callable[[Figures], None], fault: Fault
) -> None:
    async with installation.lines_to_workers() as lines, Load(installation.root, rate=30) as load:
        await _circuits(installation, lines.values(), {"closed"})
        await load.for_s(1)
        upstreams[0].fail(fault, times=None)
        began = time.monotonic()
        await asyncio.gather(load.for_s(FAULT_S), _circuits(installation, lines.values(), {"open", "half_open"}))
        upstreams[0].heal()
        ended = time.monotonic()
        await _circuits(installation, lines.values(), {"closed"})
        healed = time.monotonic()
        await load.for_s(1)
    during = load.between(began, ended)
    counted = await figures(installation, load, during)
    report(counted)
    told = _told(installation, load)
    print(f"circuit closed {healed - ended:.1f} s after healing; {dict(told)}")
    # A stream whose first words the client has cannot move: it ends with an error. All else must succeed.
    cut = [call for call in load.failed if isinstance(fault, HalfStream) and call.streamed and call.status == 200]
    assert [call.problem for call in load.failed if call not in cut] == []
    assert all("PROVIDER" in call.problem for call in cut)
    assert len(cut) <= 15
    assert p95([call.took_s for call in during]) < LONGEST_S.get(type(fault).__name__, 1.5) * business()
    assert counted.found == counted.expected
    assert counted.duplicates == 0
    assert counted.unended == 0
    assert told["router.fallback.used"] >= 5
    assert told["breaker.state.changed open"] >= 1
    assert told["breaker.state.changed half_open"] >= 1
    assert told["breaker.state.changed closed"] >= 1


async def test_a_circuit_that_one_worker_opened_is_open_in_the_other(
    installation: Installation, upstreams: Upstreams
) -> None:
    async with installation.lines_to_workers() as lines:
        for line in lines.values():
            assert await _call(installation, line) == 200
        await _circuits(installation, lines.values(), {"closed"})
        upstreams[0].fail(Reset(), times=None)
        struck, unaware = lines.values()
        # What the tests before have left in the window of this worker decides how many calls it takes.
        await _call_until(installation, struck, "open")
        await _circuits(installation, [unaware], {"open"}, within_s=1.5)
        before = len(upstreams[0].requests)
        assert await _call(installation, unaware) == 200
        assert len(upstreams[0].requests) == before
        upstreams[0].heal()
        await asyncio.gather(*(_call_until(installation, line, "closed") for line in lines.values()))


async def _call_until(installation: Installation, line: aiohttp.ClientSession, state: str) -> None:
    async def call_and_look() -> bool:
        assert await _call(installation, line) == 200
        return await _shows(installation, line, {state})

    await eventually(call_and_look, f"the circuit is {state}", 15)


async def _circuits(installation: Installation, lines: Any, wanted: set[str], within_s: float = 10.0) -> None:
    """Wait until each of these workers shows the preferred target's circuit so."""
    for line in lines:
        await eventually(partial(_shows, installation, line, wanted), f"the circuit is {wanted}", within_s)


async def _shows(installation: Installation, line: aiohttp.ClientSession, wanted: set[str]) -> bool:
    health = await installation.health(line)
    shown = {target["breaker"] for target in health["targets"] if target["target"] == PREFERRED}
    # Another route's target of the same name, which other tests have used, has a circuit of its own, which is closed.
    return shown <= wanted if wanted == {"closed"} else bool(shown & wanted)


async def _call(installation: Installation, line: aiohttp.ClientSession) -> int:
    body = {"model": ROUTE, "messages": [{"role": "user", "content": "Hello"}]}
    async with line.post(f"{installation.root}/v1/chat/completions", json=body) as response:
        await response.read()
        return response.status


def _told(installation: Installation, load: Load) -> Counter[str]:
    rows = installation.sql(
        "SELECT event_type || coalesce(' ' || (payload->>'new_state'), ''), count(*) FROM events_event"
        " WHERE event_type IN ('router.fallback.used', 'breaker.state.changed') AND occurred_at >= %s GROUP BY 1",
        load.opened_at,
    )
    return Counter(dict(rows))
