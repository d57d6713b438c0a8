from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from events.engine.bus import Batch, BusUnavailable, RedisCollectorBus
from events.engine.shipper_bus import RedisShipperBus
from events.engine.spool import START, Position


@pytest.fixture
async def shipping(redis_url: str) -> AsyncIterator[RedisShipperBus]:
    bus = RedisShipperBus.from_url(redis_url)
    yield bus
    await bus.aclose()


def _batch(data: bytes, spool_id: str = "s1") -> Batch:
    return Batch(spool_id, after=START, end=Position(1, len(data)), acked=START, data=data)


async def test_a_batch_reaches_one_collector_and_its_acknowledgement_the_shipper(
    redis: Redis, shipping: RedisShipperBus
):
    bus = RedisCollectorBus(redis)
    published = await shipping.publish([_batch(b"a\n"), _batch(b"b\n", "s2")], ["s1"])
    assert (published.length, published.acked) == (2, {})
    assert await bus.read("c1", count=10, block_ms=10) == []
    deliveries = await bus.read("c1", count=10, block_ms=10)
    assert [delivery.batch for delivery in deliveries] == [_batch(b"a\n"), _batch(b"b\n", "s2")]
    assert await bus.read("c2", count=10, block_ms=10) == []
    left = await bus.acknowledge([delivery.entry_id for delivery in deliveries], {"s1": Position(1, 2)})
    assert left == 0
    assert (await shipping.publish([], ["s1", "s2"])).acked == {"s1": Position(1, 2)}
    await shipping.forget("s1")
    assert (await shipping.publish([], ["s1"])).acked == {}


async def test_what_a_dead_collector_held_is_claimed(redis: Redis, shipping: RedisShipperBus):
    bus = RedisCollectorBus(redis)
    await shipping.publish([_batch(b"a\n")], [])
    await bus.read("dead", count=1, block_ms=10)
    held = await bus.read("dead", count=1, block_ms=10)
    assert await shipping.holds(held[0].entry_id, "s1")
    claimed = await bus.claim("heir", count=10, idle_ms=0)
    assert claimed == held


async def test_an_entry_that_is_no_batch_is_delivered_as_none(redis: Redis, shipping: RedisShipperBus):
    bus = RedisCollectorBus(redis)
    await redis.xadd("events", {"what": "ever"})
    await bus.read("c", count=1, block_ms=10)
    (delivery,) = await bus.read("c", count=1, block_ms=10)
    assert delivery.batch is None


async def test_a_flushed_redis_gets_its_group_again(redis: Redis, shipping: RedisShipperBus):
    bus = RedisCollectorBus(redis)
    await bus.read("c", count=1, block_ms=10)
    await redis.flushdb()
    assert await bus.claim("c", count=1, idle_ms=0) == []
    await shipping.publish([_batch(b"a\n")], [])
    assert len(await bus.read("c", count=1, block_ms=10)) == 1


async def test_living_collectors_are_known(redis: Redis, shipping: RedisShipperBus):
    bus = RedisCollectorBus(redis)
    await bus.beat("old", 1_000_000)
    await bus.beat("new", 1_020_000)
    assert await bus.collectors_alive(1_021_000) == ["new"]


async def test_a_redis_that_is_away_is_told_as_such():
    nowhere = "redis://127.0.0.1:1/0"
    collecting, shipping = RedisCollectorBus.from_url(nowhere), RedisShipperBus.from_url(nowhere)
    with pytest.raises(BusUnavailable):
        await shipping.publish([_batch(b"a\n")], [])
    with pytest.raises(BusUnavailable):
        await collecting.read("c", count=1, block_ms=10)
    await collecting.aclose()
    await shipping.aclose()
