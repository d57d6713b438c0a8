from __future__ import annotations

import asyncio

import pytest

from contracts.errors import ServiceUnavailable
from contracts.specs import KeySpec, TenantSpec
from gateway.engine.spec_cache import NEGATIVE_TTL_S, STALE_RETRY_S, SpecCache
from tests.gateway.doubles import DictSpecSource, ManualClock


def a_cache(source: DictSpecSource, clock: ManualClock, *, size: int = 10) -> SpecCache:
    return SpecCache(source, clock=clock, ttl_s=30, key_cache_size=size, tenant_cache_size=size)


@pytest.fixture
def source() -> DictSpecSource:
    source = DictSpecSource()
    for name in ("a", "b", "c"):
        source.keys[name] = KeySpec(id=name, tenant_id="t")
    return source


async def test_a_known_key_is_loaded_once(source: DictSpecSource) -> None:
    cache = a_cache(source, ManualClock())
    first, second = await cache.key("a"), await cache.key("a")
    assert first is second
    assert source.loads == 1


async def test_concurrent_misses_share_one_load(source: DictSpecSource) -> None:
    cache = a_cache(source, ManualClock())
    keys = await asyncio.gather(*(cache.key("a") for _ in range(50)))
    assert {key.id for key in keys if key} == {"a"}
    assert source.loads == 1


async def test_an_unknown_key_is_believed_for_a_short_while(source: DictSpecSource) -> None:
    clock = ManualClock()
    cache = a_cache(source, clock)
    assert await cache.key("nobody") is None
    assert await cache.key("nobody") is None
    assert source.loads == 1
    source.keys["nobody"] = KeySpec(id="new", tenant_id="t")
    clock.advance(NEGATIVE_TTL_S)
    assert (await cache.key("nobody")) is not None


async def test_an_invalidated_key_is_asked_for_again(source: DictSpecSource) -> None:
    cache = a_cache(source, ManualClock())
    await cache.key("a")
    source.keys["a"] = KeySpec(id="a", tenant_id="t", revoked=True)
    cache.invalidate(scope="key", identifier="a")
    key = await cache.key("a")
    assert key is not None
    assert key.revoked


class SlowSource(DictSpecSource):
    """Answers with what was so 3 s ago."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    async def load_key(self, key_hash: str) -> KeySpec | None:
        key = await super().load_key(key_hash)
        self._clock.advance(3)
        return key


async def test_a_spec_is_as_old_as_the_question_not_as_the_answer() -> None:
    clock = ManualClock()
    source = SlowSource(clock)
    source.keys["a"] = KeySpec(id="a", tenant_id="t")
    cache = a_cache(source, clock)
    await cache.key("a")
    source.keys["a"] = KeySpec(id="a", tenant_id="t", revoked=True)
    clock.advance(27)
    key = await cache.key("a")
    assert key is not None
    assert key.revoked


async def test_a_load_that_was_under_way_when_its_key_was_invalidated_is_not_believed(source: DictSpecSource) -> None:
    gate = asyncio.Event()
    plain_load = source.load_key

    async def slow_load(name: str) -> KeySpec | None:
        read = await plain_load(name)
        await gate.wait()
        return read

    source.load_key = slow_load  # type: ignore[method-assign, assignment]
    cache = a_cache(source, ManualClock())
    waiting = asyncio.create_task(cache.key("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.keys["a"] = KeySpec(id="a", tenant_id="t", revoked=True)
    cache.invalidate(scope="key", identifier="a")
    gate.set()
    key = await waiting
    assert key is not None
    assert key.revoked


async def test_a_stale_key_keeps_serving_while_the_source_is_down(source: DictSpecSource) -> None:
    clock = ManualClock()
    cache = a_cache(source, clock)
    await cache.key("a")
    source.down = True
    clock.advance(3_600)
    assert (await cache.key("a")) is not None
    cache.invalidate_all()
    assert (await cache.key("a")) is not None


async def test_an_unknown_key_is_refused_while_the_source_is_down(source: DictSpecSource) -> None:
    source.down = True
    with pytest.raises(ServiceUnavailable):
        await a_cache(source, ManualClock()).key("a")


async def test_a_stale_key_asks_a_source_that_is_down_once_a_second_only(source: DictSpecSource) -> None:
    clock = ManualClock()
    cache = a_cache(source, clock)
    await cache.key("a")
    source.down = True
    clock.advance(31)
    for _ in range(20):
        await cache.key("a")
    assert source.loads == 2


async def test_one_call_finds_out_for_all_specs_that_the_source_is_down(source: DictSpecSource) -> None:
    clock = ManualClock()
    source.tenants["t"] = TenantSpec(id="t", slug="t")
    cache = a_cache(source, clock)

    async def a_call() -> None:
        assert await cache.key("a") is not None
        assert await cache.tenant("t") is not None
        await cache.platform()

    await a_call()
    source.down = True
    cache.invalidate_all()
    loads = source.loads
    await a_call()
    assert source.loads == loads + 1

    source.down = False
    clock.advance(STALE_RETRY_S)
    await a_call()
    assert source.loads == loads + 4


async def test_a_busy_key_is_refreshed_before_it_is_stale_without_waiting(source: DictSpecSource) -> None:
    clock = ManualClock()
    cache = a_cache(source, clock)
    old = await cache.key("a")
    source.keys["a"] = KeySpec(id="a", tenant_id="t", name="renamed")
    clock.advance(25)
    assert await cache.key("a") is old
    for _ in range(5):
        await asyncio.sleep(0)
    renamed = await cache.key("a")
    assert renamed is not None
    assert renamed.name == "renamed"


async def test_the_least_recently_used_key_goes_first(source: DictSpecSource) -> None:
    cache = a_cache(source, ManualClock(), size=2)
    await cache.key("a")
    await cache.key("b")
    await cache.key("a")
    await cache.key("c")
    loads = source.loads
    await cache.key("a")
    assert source.loads == loads
    await cache.key("b")
    assert source.loads == loads + 1


async def test_a_source_that_hangs_does_not_hold_up_a_known_key(source: DictSpecSource) -> None:
    clock = ManualClock()
    cache = a_cache(source, clock)
    known = await cache.key("a")
    forever = asyncio.Event()

    async def hang(name: str) -> KeySpec | None:
        await forever.wait()
        return None

    source.load_key = hang  # type: ignore[method-assign, assignment]
    cache_of_hanging_source = a_cache(source, clock)
    cache_of_hanging_source._keys._entries = cache._keys._entries
    clock.advance(31)
    started = asyncio.get_running_loop().time()
    assert await cache_of_hanging_source.key("a") is known
    assert await cache_of_hanging_source.key("a") is known
    assert asyncio.get_running_loop().time() - started < 1
    forever.set()
