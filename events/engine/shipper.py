"""The shipper: moves spools to the bus and deletes what PostgreSQL has confirmed.

It tails its own process's spool and adopts those of dead processes. Whatever happens to the bus, a segment stays
on disk until a collector has committed all of it: at-least-once delivery here, exactly once by ``event_id`` there.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from contracts.events import EventContext, SpoolAdopted
from contracts.ports import Emitter
from events.engine.bus import Batch, BusUnavailable, Published, ShipperBus
from events.engine.lane import Lane
from events.engine.spool import Spool

log = logging.getLogger(__name__)


class ShipperObserver(Protocol):
    """Sees how shipping goes: metrics."""

    def shipped(self, batches: int) -> None:
        """Batches taken by the bus."""

    def bus_failed(self) -> None:
        """One failed try."""

    def spools(self, *, size_bytes: int, backlog_bytes: int, oldest_s: float) -> None:
        """State of all spools of this process, about once a second."""


class Shipper:
    """Ships the spools of one process. Run :meth:`run` as a task; end it with :meth:`stop`."""

    def __init__(
        self,
        bus: ShipperBus,
        *,
        root: Path,
        own: Spool | None = None,
        emitter: Emitter | None = None,
        observer: ShipperObserver | None = None,
        interval_s: float = 0.05,
        batch_bytes: int = 256 << 10,
        batches_per_turn: int = 8,
        max_stream_length: int = 1_000,
        stall_s: float = 5.0,
        adopt_every_s: float = 5.0,
        max_backoff_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._bus = bus
        self._root = root
        self._emitter = emitter
        self._observer = observer
        self._interval_s = interval_s
        self._batch_bytes = batch_bytes
        self._batches_per_turn = batches_per_turn
        self._max_stream_length = max_stream_length
        self._stall_s = stall_s
        self._adopt_every_s = adopt_every_s
        self._max_backoff_s = max_backoff_s
        self._monotonic = monotonic
        self._rng = rng or random.Random()
        self._lanes = [Lane(own, adopted=False)] if own is not None else []
        self._stopping = asyncio.Event()
        self._turning = asyncio.Lock()
        self._failures = 0
        self._congested = False
        self._adopt_at = 0.0
        self._report_at = 0.0

    @property
    def lanes(self) -> list[Lane]:
        """The process's own spool first, then adopted ones."""
        return list(self._lanes)

    async def run(self) -> None:
        """Ship until :meth:`stop`."""
        while not self._stopping.is_set():
            async with self._turning:
                if self._stopping.is_set():
                    return
                await self._turn()
            await self._pause(self._delay())

    async def stop(self, drain_s: float = 5.0) -> None:
        """Ship the rest, wait up to ``drain_s`` for its confirmation, and leave what is unconfirmed to an adopter.

        :meth:`run` returns on its own.
        """
        self._stopping.set()
        deadline = self._monotonic() + drain_s
        while self._monotonic() < deadline and not all(lane.confirmed for lane in self._lanes):
            async with self._turning:
                await self._turn()
            await asyncio.sleep(self._interval_s)
        for lane in list(self._lanes):
            if lane.confirmed:
                await self._finish(lane)
            else:
                lane.spool.close()
        self._lanes.clear()
        await self._bus.aclose()

    async def _turn(self) -> None:
        """One round: adopt, report, ship, read confirmations. Never raises for a bus that is down."""
        now = self._monotonic()
        if now >= self._adopt_at and not self._stopping.is_set():
            self._adopt_at = now + self._adopt_every_s
            self._adopt()
        if now >= self._report_at:
            self._report_at = now + 1.0
            self._report()
        try:
            await self._ship()
            await self._recover_stalled()
            await self._drop_finished()
        except BusUnavailable as error:
            self._failed(error)
        except Exception:  # boundary: nothing, a failing disk included, may end the task that empties the spool
            log.exception("The event shipper failed; it goes on")
            self._failures += 1
            if self._observer is not None:
                self._observer.bus_failed()

    async def _ship(self) -> None:
        batches = [] if self._congested else self._collect()
        watched = [lane.spool_id for lane in self._lanes if lane.in_flight or not lane.confirmed]
        if not batches and not watched:
            return
        published = await self._bus.publish([batch for _, batch in batches], watched)
        now = self._monotonic()
        for (lane, batch), entry_id in zip(batches, published.entry_ids, strict=True):
            lane.sent(batch, entry_id, now)
        self._confirm(published, now)
        self._congested = published.length >= self._max_stream_length
        if self._failures:
            log.info("The event bus is reachable again")
        self._failures = 0
        if self._observer is not None and batches:
            self._observer.shipped(len(batches))

    def _collect(self) -> list[tuple[Lane, Batch]]:
        """At most ``batches_per_turn`` batches, one per lane: the next one's start depends on this one's success."""
        found = []
        for lane in self._lanes:
            batch = lane.next_batch(self._batch_bytes)
            if batch is not None:
                found.append((lane, batch))
            if len(found) == self._batches_per_turn:
                break
        return found

    def _confirm(self, published: Published, now: float) -> None:
        for lane in self._lanes:
            acked = published.acked.get(lane.spool_id)
            if acked is not None:
                lane.confirm(acked, now)

    async def _recover_stalled(self) -> None:
        for lane in self._lanes:
            if not lane.stalled(self._monotonic(), self._stall_s):
                continue
            if await self._bus.holds(lane.in_flight[0].entry_id, lane.spool_id):
                lane.wait_longer(self._monotonic())
            else:
                log.warning("The bus lost events of spool %s after %s; sending again", lane.spool_id, lane.acked)
                lane.rewind()

    async def _drop_finished(self) -> None:
        for lane in list(self._lanes):
            if lane.adopted and lane.confirmed:
                await self._finish(lane)
                self._lanes.remove(lane)

    async def _finish(self, lane: Lane) -> None:
        lane.spool.remove()
        try:
            await self._bus.forget(lane.spool_id)
        except BusUnavailable as error:
            log.info("The position of the finished spool %s stays on the bus: %s", lane.spool_id, error)

    def _adopt(self) -> None:
        known = {lane.spool_id for lane in self._lanes}
        for path in Spool.abandoned(self._root):
            if path.name in known:
                continue
            spool = Spool.adopt(path)
            if spool is None:
                continue
            log.info("Adopted the spool %s of a dead process: %d bytes", spool.spool_id, spool.size_bytes)
            self._lanes.append(Lane(spool, adopted=True))
            if self._emitter is not None and spool.size_bytes:
                self._emitter.emit(SpoolAdopted(spool_id=spool.spool_id, bytes=spool.size_bytes), EventContext())

    def _report(self) -> None:
        if self._observer is None:
            return
        now = time.time()
        self._observer.spools(
            size_bytes=sum(lane.spool.size_bytes for lane in self._lanes),
            backlog_bytes=sum(lane.spool.backlog_bytes(lane.acked) for lane in self._lanes),
            oldest_s=max((lane.spool.oldest_s(lane.acked, now) for lane in self._lanes), default=0.0),
        )

    def _failed(self, error: BusUnavailable) -> None:
        if not self._failures:
            log.warning("The event bus is unreachable, events stay in the spool: %s", error)
        self._failures += 1
        if self._observer is not None:
            self._observer.bus_failed()

    def _delay(self) -> float:
        if not self._failures:
            return self._interval_s
        ceiling: float = min(self._max_backoff_s, self._interval_s * 2 ** min(self._failures, 10))
        return ceiling / 2 + self._rng.random() * ceiling / 2

    async def _pause(self, seconds: float) -> None:
        if self._failures == 0:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
