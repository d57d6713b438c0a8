"""Kept results of tools: only of those that the tenant declares, for as long as it says, and for it alone."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.events import EventContext, ToolResultHit, ToolResultMissed, ToolResultStored
from contracts.specs import KeySpec, TenantCacheSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.cache.tool_results import ToolResults
from tests.gateway.doubles import RecordingEmitter
from tests.gateway.stand import Stand, json_of

TOOLS = TenantCacheSpec(tools={"geocode": 60})
OSLO = {"tool": "geocode", "arguments": {"city": "Oslo", "zoom": 1}}


def stand(cache: TenantCacheSpec = TOOLS) -> Stand:
    return Stand(tenant={"cache": cache})


async def look_up(stand: Stand, body: Any = OSLO, **fields: Any) -> Any:
    return json_of(await stand.send("/v1/tools/results/lookup", body, **fields))


async def keep(stand: Stand, result: Any, body: Any = OSLO) -> Any:
    return json_of(await stand.send("/v1/tools/results", {**body, "result": result}))


async def test_a_kept_result_is_found_by_equal_arguments() -> None:
    kept = stand()
    assert (await look_up(kept))["hit"] is False
    stored = await keep(kept, [59.91, 10.75])
    assert stored["ends_at_ms"] - stored["stored_at_ms"] == 60_000
    found = await look_up(kept, {"tool": "geocode", "arguments": {"zoom": 1.0, "city": "Oslo"}})
    assert (found["hit"], found["result"]) == (True, [59.91, 10.75])
    assert (await look_up(kept, {"tool": "geocode", "arguments": {"city": "Bergen"}}))["hit"] is False


async def test_lookups_and_kept_results_are_told() -> None:
    kept = stand()
    await look_up(kept)
    await keep(kept, "north")
    await look_up(kept)
    assert kept.only(ToolResultMissed).tool == "geocode"
    assert kept.only(ToolResultStored).ttl_s == 60
    assert kept.only(ToolResultHit).key_id == "key-1"


@pytest.mark.parametrize("path", ["/v1/tools/results", "/v1/tools/results/lookup"])
async def test_undeclared_tools_are_refused(path: str) -> None:
    answer = await stand().send(path, {"tool": "send_mail", "arguments": {}, "result": 1})
    assert answer.status == 400
    assert json_of(answer)["error"]["param"] == "tool"


async def test_a_large_result_is_refused() -> None:
    answer = await stand().send("/v1/tools/results", {**OSLO, "result": "x" * 300_000})
    assert answer.status == 413


async def test_tenants_never_share_a_result() -> None:
    kept = stand()
    kept.source.tenants["tenant-2"] = TenantSpec(id="tenant-2", slug="other", cache=TOOLS)
    kept.source.keys[hashlib.sha256(b"other-key").hexdigest()] = KeySpec(id="key-2", tenant_id="tenant-2")
    await keep(kept, "mine")
    assert (await look_up(kept, key="other-key"))["hit"] is False
    assert (await look_up(kept))["hit"] is True


async def test_clearing_the_tenants_caches_forgets_results() -> None:
    kept = stand()
    await keep(kept, 1)
    cleared = TenantCacheSpec(tools={"geocode": 60}, generation=1)
    kept.source.tenants["tenant-1"] = TenantSpec(id="tenant-1", slug="demo", cache=cleared)
    kept.pipeline.entrance._specs.invalidate_all()
    assert (await look_up(kept))["hit"] is False


class SetClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


async def test_a_result_ends_with_the_time_that_now_holds_for_its_tool() -> None:
    clock, emitter = SetClock(), RecordingEmitter()
    results = ToolResults(None, emitter=emitter, clock=clock)
    of: dict[str, Any] = {"key_id": "key", "context": EventContext("tenant")}
    minute = TenantSpec(id="tenant", slug="tenant", cache=TOOLS)
    shorter = TenantSpec(id="tenant", slug="tenant", cache=TenantCacheSpec(tools={"geocode": 5}))
    results.keep(minute, "geocode", {}, 1, **of)
    clock.ms += 6_000
    assert await results.look_up(minute, "geocode", {}, **of) is not None
    assert await results.look_up(shorter, "geocode", {}, **of) is None
    clock.ms += 60_000
    assert await results.look_up(minute, "geocode", {}, **of) is None


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[RedisWire]:
    wire = RedisWire(redis_url)
    await wire.start()
    await wire.call("FLUSHDB")
    yield wire
    await wire.stop()


async def test_workers_share_results_and_a_tenant_keeps_no_more_bytes_than_it_may(wire: RedisWire) -> None:
    clock, emitter = SetClock(), RecordingEmitter()
    of: dict[str, Any] = {"key_id": "key", "context": EventContext("tenant")}
    tenant = TenantSpec(id="tenant", slug="t", cache=TenantCacheSpec(tools={"geocode": 60}, max_bytes=2_500))
    one = ToolResults(wire, emitter=emitter, clock=clock)
    for number in range(5):
        clock.ms += 1
        one.keep(tenant, "geocode", number, "x" * 1_000, **of)
    other = ToolResults(wire, emitter=emitter, clock=clock)
    found = [await other.look_up(tenant, "geocode", number, **of) is not None for number in range(5)]
    assert found == [False, False, False, True, True]
