"""Redis is down, so nobody tells the workers that a key was revoked: it dies when they have to ask again."""

from __future__ import annotations

import asyncio
import secrets
import time

import aiohttp
import pytest

from tests.business import business
from tests.stack.conftest import Upstreams
from tests.stack.installation import SPEC_TTL_S, Installation
from tests.stack.test_keys import last_success, status_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

SLACK_S = 0.25
"""For the reload of a spec that has passed its time to live, and for a machine that does other things too."""


async def test_without_redis_a_revoked_key_is_dead_on_every_worker_when_its_spec_ends(
    installation: Installation, upstreams: Upstreams
) -> None:
    key = f"made-{secrets.token_hex(8)}"
    await asyncio.to_thread(installation.control, "create-key", key)
    async with installation.lines_to_workers() as lines:
        await asyncio.to_thread(installation.redis.kill)
        try:
            for line in lines.values():
                await _loads_it_without_redis(installation, line, key)
            watches = [asyncio.create_task(last_success(installation, line, key)) for line in lines.values()]
            revoked_at = float(await asyncio.to_thread(installation.control, "revoke-key", key))
            lived = await asyncio.wait_for(asyncio.gather(*watches), SPEC_TTL_S + 30)
        finally:
            installation.redis.start()
        for line, lived_until in zip(lines.values(), lived, strict=True):
            print(f"last served {lived_until - revoked_at:+.3f} s after the revocation")
            assert lived_until < revoked_at + SPEC_TTL_S + SLACK_S * business()
            assert await status_of(installation, line, key) == 401


async def _loads_it_without_redis(installation: Installation, line: aiohttp.ClientSession, key: str) -> None:
    """Have the worker load the key once it has noticed the outage, and so hears of no change any more."""
    deadline = time.monotonic() + 10
    while (await installation.health(line))["dependencies"]["redis"]["status"] != "down":
        assert time.monotonic() < deadline, "the worker does not notice that Redis is gone"
        await asyncio.sleep(0.05)
    assert await status_of(installation, line, key) == 200
