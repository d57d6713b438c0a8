import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from events.collector.collector import Collector
from events.collector.incoming import Incoming
from events.collector.metrics import CollectorMetrics
from events.collector.store import StoreUnavailable, Written
from events.engine.bus import Batch, BusUnavailable, Delivery
from events.engine.spool import Position
from tests.events.builders import TENANT, batch, context, incoming, started


class FakeBus:
    def __init__(self, deliveries: list[list[Delivery]]) -> None:
        self.deliveries = deliveries
        self.claimable: list[Delivery] = []
        self.acknowledged: list[bytes] = []
        self.positions: dict[str, Position] = {}
        self.down = False
        self.left = False

    async def read(self, consumer: str, *, count: int, block_ms: int) -> list[Delivery]:
        await asyncio.sleep(0)
        return self.deliveries.pop(0) if self.deliveries else []

    async def claim(self, consumer: str, *, count: int, idle_ms: int) -> list[Delivery]:
        claimed, self.claimable = self.claimable, []
        return claimed

    async def acknowledge(self, entry_ids: Sequence[bytes], positions: Mapping[str, Position]) -> int:
        if self.down:
            raise BusUnavailable("down")
        self.acknowledged += entry_ids
        self.positions.update(positions)
        return 0

    async def beat(self, consumer: str, now_ms: int) -> None:
        return

    async def leave(self, consumer: str) -> None:
        self.left = True

    async def aclose(self) -> None:
        return


class FakeStore:
    def __init__(self) -> None:
        self.failures = 0
        self.batches: list[Batch] = []

    async def write(self, batches: Sequence[Batch]) -> Written:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("down")
        self.batches += batches
        events: list[Incoming] = [incoming(started(), context("c"), datetime.now(UTC)) for _ in batches]
        return Written(events, 0, 0, {one.spool_id: one.end for one in batches})

    async def maintain(self) -> None:
        return

    async def aclose(self) -> None:
        return


class FakeSink:
    def __init__(self) -> None:
        self.published: list[tuple[str, int]] = []
        self.broken = False

    async def publish(self, tenant_id: str, events: Sequence[bytes]) -> None:
        if self.broken:
            raise OSError("no layer")
        self.published.append((tenant_id, len(events)))


class Parts:
    def __init__(self, *deliveries: list[Delivery]) -> None:
        self.bus, self.store, self.sink = FakeBus(list(deliveries)), FakeStore(), FakeSink()
        self.collector = Collector(
            bus=self.bus,
            store=self.store,
            sink=self.sink,
            metrics=CollectorMetrics(),
            consumer="c",
            max_backoff_s=0.001,
        )


def _delivery(number: int) -> Delivery:
    return Delivery(str(number).encode(), batch(b"x\n" * number))


async def test_a_delivery_is_written_shown_and_acknowledged():
    parts = Parts([_delivery(1), _delivery(2)])
    await parts.collector._turn()
    assert len(parts.store.batches) == 2
    assert parts.sink.published == [(TENANT, 2)]
    assert parts.bus.acknowledged == [b"1", b"2"]
    assert parts.bus.positions == {"spool-1": Position(1, 4)}


async def test_nothing_is_acknowledged_before_it_is_written(caplog: pytest.LogCaptureFixture):
    parts = Parts([_delivery(1)], [_delivery(2)])
    parts.store.failures = 2
    await parts.collector._turn()
    await parts.collector._turn()
    assert parts.bus.acknowledged == []
    await parts.collector._turn()
    assert parts.bus.acknowledged == [b"1"]
    assert caplog.text.count("Waiting for postgres") == 1


async def test_what_is_written_and_not_acknowledged_is_not_written_or_shown_again():
    parts = Parts([_delivery(1)])
    parts.bus.down = True
    await parts.collector._turn()
    parts.bus.down = False
    await parts.collector._turn()
    assert len(parts.store.batches) == 1
    assert len(parts.sink.published) == 1
    assert parts.bus.acknowledged == [b"1"]


async def test_live_pages_that_fail_stop_nothing():
    parts = Parts([_delivery(1)])
    parts.sink.broken = True
    await parts.collector._turn()
    assert parts.bus.acknowledged == [b"1"]


async def test_an_entry_that_is_no_batch_is_removed():
    parts = Parts([Delivery(b"odd", None)])
    await parts.collector._turn()
    assert parts.bus.acknowledged == [b"odd"]
    assert parts.store.batches == []


async def test_what_a_dead_collector_left_comes_first():
    parts = Parts([_delivery(2)])
    parts.bus.claimable = [_delivery(1)]
    await parts.collector._turn()
    assert parts.bus.acknowledged == [b"1"]
    await parts.collector._turn()
    assert parts.bus.acknowledged == [b"1", b"2"]


async def test_it_stops_when_told_and_leaves_the_group():
    parts = Parts([_delivery(1)])
    running = asyncio.create_task(parts.collector.run())
    async with asyncio.timeout(5):
        while not parts.bus.acknowledged:  # noqa: ASYNC110 - the fake has no event to wait for
            await asyncio.sleep(0)
        parts.collector.stop()
        await running
    assert parts.bus.left
