"""What a worker hears on Redis pub/sub."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from contracts.clock import SystemClock
from contracts.specs import TenantSpec
from events.engine.redis_channels import channel
from gateway.engine.config_listener import CHANNEL, ConfigListener
from gateway.engine.spec_cache import SpecCache
from tests.gateway.doubles import DictSpecSource


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - conditions of another task
            await asyncio.sleep(0.005)


async def test_a_message_reaches_who_listens_on_its_channel(redis_url: str, redis: Any) -> None:
    source = DictSpecSource()
    source.tenants["tenant-1"] = TenantSpec(id="tenant-1", slug="t")
    specs = SpecCache(source, clock=SystemClock(), ttl_s=30, key_cache_size=10, tenant_cache_size=10)
    heard: list[str] = []
    # Workers of the same test run publish on the product's own channels meanwhile.
    own = f"test.{uuid.uuid4()}"
    subscribed: list[bool] = []
    listener = ConfigListener(
        redis_url, specs, others={own: heard.append}, on_subscribed=lambda: subscribed.append(True)
    )
    await listener.start()
    await until(lambda: bool(subscribed))
    assert listener.subscribed
    await specs.tenant("tenant-1")
    await redis.publish(own, "tenant-1")
    await until(lambda: heard == ["tenant-1"])
    loads = source.loads
    await specs.tenant("tenant-1")
    assert source.loads == loads
    await redis.publish(channel(CHANNEL, redis_url), b'{"scope": "tenant", "id": "tenant-1"}')
    await asyncio.wait_for(_reloaded(specs, source, loads), 5)
    await listener.stop()


async def _reloaded(specs: SpecCache, source: DictSpecSource, loads: int) -> None:
    while source.loads == loads:
        await asyncio.sleep(0.005)
        await specs.tenant("tenant-1")
