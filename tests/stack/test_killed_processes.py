"""kill -9 under load: of a gateway worker, and of the event collector."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.stack.conftest import Upstreams
from tests.stack.installation import Installation, eventually
from tests.stack.ledger import Figures, figures
from tests.stack.load import Load
from tests.upstreams.server import SlowPieces

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def test_a_killed_gateway_worker_costs_only_the_calls_it_held(
    installation: Installation, upstreams: Upstreams, report: Callable[[Figures], None]
) -> None:
    # Slow enough that calls are under way whenever the worker dies.
    upstreams[0].fail(SlowPieces(delay_s=0.1), times=None)
    async with Load(installation.root, rate=40) as load:
        await load.for_s(2)
        victim, survivor = installation.up.web_workers()
        victim.kill()
        killed_at = time.monotonic()
        await eventually(
            lambda: {worker.pid for worker in installation.up.web_workers()} - {victim.pid, survivor.pid},
            "the worker was started again",
        )
        respawned_at = time.monotonic()
        async with installation.lines_to_workers() as lines:
            serving_at = time.monotonic()
            assert victim.pid not in lines
            assert survivor.pid in lines
        await load.for_s(2)
    counted = await figures(installation, load)
    report(counted)
    print(f"respawned after {respawned_at - killed_at:.2f} s, serving after {serving_at - killed_at:.2f} s")
    assert counted.found == counted.expected
    assert counted.duplicates == 0
    assert all(call.began < killed_at + 0.5 for call in load.failed), [call.problem for call in load.failed]
    assert 1 <= len(load.failed) < 0.2 * len(load.between(0, killed_at)), [call.problem for call in load.failed]
    assert counted.unended <= len(load.failed)


async def test_a_killed_collector_loses_and_repeats_nothing(
    installation: Installation, upstreams: Upstreams, report: Callable[[Figures], None]
) -> None:
    async with Load(installation.root, rate=40) as load:
        await load.for_s(2)
        victim = installation.up.collector()
        assert victim is not None
        victim.kill()
        await eventually(
            lambda: (found := installation.up.collector()) and found.pid != victim.pid,
            "the collector was started again",
        )
        await load.for_s(3)
    counted = await figures(installation, load)
    report(counted)
    assert load.failed == []
    assert counted.found == counted.expected
    assert counted.duplicates == 0
    assert counted.unended == 0
