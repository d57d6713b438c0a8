"""A Redis that holds its connections and does not answer, as a stopped machine does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio.connection import parse_url

from contracts.clock import SystemClock
from contracts.specs import KeySpec, LimitMetric, TenantSpec
from events.engine.redis_wire import RedisUnavailable, RedisWire
from gateway.engine.admission import Admission
from gateway.engine.limits import Ticket, applied_limits
from tests.gateway.doubles import RecordingEmitter, limit


class StallingRedis:
    """Passes everything on to the real server while ``answering`` is set, and keeps it for later while it is not."""

    def __init__(self, url: str) -> None:
        self.answering = asyncio.Event()
        self.answering.set()
        self.port = 0
        self._options = parse_url(url)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/{self._options.get('db') or 0}"

    async def __aenter__(self) -> StallingRedis:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.answering.set()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "path" in self._options:
            behind_reader, behind_writer = await asyncio.open_unix_connection(self._options["path"])
        else:
            address = (self._options.get("host", "localhost"), int(self._options.get("port", 6379)))
            behind_reader, behind_writer = await asyncio.open_connection(*address)
        back = asyncio.create_task(self._pass(behind_reader, writer))
        await self._pass(reader, behind_writer)
        behind_writer.close()
        await back
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.answering.wait()
            writer.write(data)


@pytest.fixture
async def stalling(redis_url: str, redis: Any) -> AsyncIterator[StallingRedis]:
    async with StallingRedis(redis_url) as server:
        yield server


@pytest.fixture
async def wire(stalling: StallingRedis) -> AsyncIterator[RedisWire]:
    wire = RedisWire(stalling.url, connect_timeout_s=0.1, retry_s=0.01)
    await wire.start()
    yield wire
    await wire.stop()


@pytest.fixture
def admission(wire: RedisWire) -> Admission:
    return Admission(wire, emitter=RecordingEmitter(), clock=SystemClock(), timeout_s=0.1)


async def admit(admission: Admission, call_id: str) -> Ticket:
    tenant = TenantSpec(id="tenant-1", slug="t", limits=(limit(1, LimitMetric.CONCURRENCY),))
    limits = applied_limits(tenant, KeySpec(id="key-1", tenant_id="tenant-1"), user=None, tokens=0)
    return await admission.admit(call_id, limits, lease_ms=60_000, fail_open=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def test_a_server_that_accepts_and_does_not_answer_is_not_connected(stalling: StallingRedis) -> None:
    stalling.answering.clear()
    wire = RedisWire(stalling.url, connect_timeout_s=0.05, retry_s=0.01)
    await wire.start()
    assert not wire.connected
    stalling.answering.set()
    await until(lambda: wire.connected)
    await wire.stop()


async def test_only_calls_under_way_wait_for_a_redis_that_stopped_answering(
    stalling: StallingRedis, wire: RedisWire, admission: Admission
) -> None:
    stalling.answering.clear()
    under_way = await admit(admission, "under way")
    assert under_way.degraded
    admission.settle(under_way, tokens=0)
    assert not wire.connected
    next_one = asyncio.create_task(admit(admission, "next"))
    await asyncio.sleep(0)
    assert next_one.done()


async def test_a_place_that_redis_grants_too_late_is_given_back(
    stalling: StallingRedis, wire: RedisWire, admission: Admission
) -> None:
    stalling.answering.clear()
    admission.settle(await admit(admission, "given up"), tokens=0)
    stalling.answering.set()
    await until(lambda: wire.connected)
    assert not (await admit(admission, "after the outage")).degraded


async def test_a_command_on_a_connection_that_broke_a_moment_ago_fails_at_once(wire: RedisWire) -> None:
    assert wire._wire is not None
    assert wire._wire.transport is not None
    # The loop has not told anybody yet.
    wire._wire.transport.abort()
    with pytest.raises(RedisUnavailable):
        wire.call("PING")
    await until(lambda: wire.connected)
    assert await wire.call("PING") == b"PONG"
