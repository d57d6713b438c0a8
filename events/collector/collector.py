"""The collector's loop: read, write, acknowledge, show live. Loses nothing to any crash or outage.

A delivery is acknowledged only after PostgreSQL committed it. Until then it stays in the bus's list of pending
entries, where this collector retries it, or another takes it over when this one dies.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from contracts.ports import EventSink
from events.collector.metrics import CollectorMetrics
from events.collector.store import StoreUnavailable, Written
from events.engine.bus import Batch, BusUnavailable, CollectorBus, Delivery

log = logging.getLogger(__name__)

BEAT_S: Final = 5.0
MAINTAIN_S: Final = 3600.0
LIVE_TIMEOUT_S: Final = 2.0
BASE_BACKOFF_S: Final = 0.1


class Store(Protocol):
    """Where events are kept; :class:`events.collector.store.EventStore`."""

    async def write(self, batches: list[Batch]) -> Written:
        """Write what is new. Raises :class:`StoreUnavailable`."""

    async def maintain(self) -> None:
        """Hourly upkeep. Raises :class:`StoreUnavailable`."""

    async def aclose(self) -> None:
        """Close."""


class Collector:
    """One consumer of the group. :meth:`run` until :meth:`stop`."""

    def __init__(
        self,
        *,
        bus: CollectorBus,
        store: Store,
        sink: EventSink,
        metrics: CollectorMetrics,
        consumer: str,
        read_count: int = 32,
        block_ms: int = 500,
        claim_idle_ms: int = 10_000,
        max_backoff_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._bus = bus
        self._store = store
        self._sink = sink
        self._metrics = metrics
        self._consumer = consumer
        self._read_count = read_count
        self._block_ms = block_ms
        self._claim_idle_ms = claim_idle_ms
        self._max_backoff_s = max_backoff_s
        self._monotonic = monotonic
        self._rng = rng or random.Random()
        self._stopping = asyncio.Event()
        self._held: list[Delivery] = []
        self._written: Written | None = None
        """What became of ``_held``, while it is not acknowledged yet."""
        self._failures = 0
        self._claim_at = 0.0
        self._beat_at = 0.0
        self._maintain_at = 0.0

    def stop(self) -> None:
        """End :meth:`run` after the batch in hand."""
        self._stopping.set()

    async def run(self) -> None:
        """Collect until :meth:`stop`; outages are waited out with growing, jittered pauses."""
        log.info("Collecting events as %s", self._consumer)
        try:
            while not self._stopping.is_set():
                await self._turn()
        finally:
            await self._close()

    async def _turn(self) -> None:
        self._metrics.alive()
        try:
            await self._upkeep()
            if not self._held:
                self._held = await self._next()
            if self._held:
                await self._handle()
        except BusUnavailable as error:
            await self._failed("redis", error)
        except StoreUnavailable as error:
            await self._failed("postgres", error)
        else:
            if self._failures:
                log.info("Collecting again")
            self._failures = 0

    async def _next(self) -> list[Delivery]:
        if self._monotonic() >= self._claim_at:
            self._claim_at = self._monotonic() + self._claim_idle_ms / 1000
            claimed = await self._bus.claim(self._consumer, count=self._read_count, idle_ms=self._claim_idle_ms)
            if claimed:
                log.warning("Took over %d batches that another collector left", len(claimed))
                self._claim_at = 0.0
                return claimed
        return await self._bus.read(self._consumer, count=self._read_count, block_ms=self._block_ms)

    async def _handle(self) -> None:
        if self._written is None:
            batches = [delivery.batch for delivery in self._held if delivery.batch is not None]
            self._written = await self._store.write(batches) if batches else Written([], 0, 0, {})
            self._metrics.written(self._written)
            await self._show(self._written)
        for delivery in self._held:
            if delivery.batch is None:
                log.error("Entry %r on the bus is not a batch of events; removed", delivery.entry_id)
        left = await self._bus.acknowledge([delivery.entry_id for delivery in self._held], self._written.positions)
        self._metrics.backlog.set(left)
        self._held = []
        self._written = None

    async def _show(self, written: Written) -> None:
        """Live pages get what is committed; they are not waited for long, and missing one is not a failure."""
        by_tenant: dict[str, list[bytes]] = defaultdict(list)
        for event in written.events:
            by_tenant[event.envelope.tenant_id].append(event.line)
        try:
            async with asyncio.timeout(LIVE_TIMEOUT_S):
                for tenant_id, lines in by_tenant.items():
                    await self._sink.publish(tenant_id, lines)
        except Exception as error:  # boundary: whatever live pages do must not stop events from being kept
            self._metrics.failed("live")
            log.warning("Events were not shown live: %r", error)

    async def _upkeep(self) -> None:
        now = self._monotonic()
        if now >= self._beat_at:
            await self._bus.beat(self._consumer, time.time_ns() // 1_000_000)
            self._beat_at = now + BEAT_S
        if now >= self._maintain_at:
            await self._store.maintain()
            self._maintain_at = now + MAINTAIN_S

    async def _failed(self, dependency: str, error: Exception) -> None:
        if not self._failures:
            log.warning("Waiting for %s: %s", dependency, error)
        self._failures += 1
        self._metrics.failed(dependency)
        ceiling = min(self._max_backoff_s, BASE_BACKOFF_S * 2 ** min(self._failures, 10))
        with suppress(TimeoutError):
            async with asyncio.timeout(ceiling / 2 + self._rng.random() * ceiling / 2):
                await self._stopping.wait()

    async def _close(self) -> None:
        try:
            if not self._held:
                await self._bus.leave(self._consumer)
        except BusUnavailable as error:
            log.info("Left without a word to the bus: %s", error)
        await self._store.aclose()
        await self._bus.aclose()
