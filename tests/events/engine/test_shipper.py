from collections.abc import Sequence
from pathlib import Path

from contracts.events import EventContext, EventPayload, SpoolAdopted
from events.engine.bus import Batch, BusUnavailable, Published
from events.engine.emitter import MemoryEmitter
from events.engine.shipper import Shipper
from events.engine.spool import Position, Spool


class MemoryBus:
    """A bus that keeps batches in a list; ``acked`` is what a collector would have said."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.acked: dict[str, Position] = {}
        self.lost = False
        self.down = False
        self.length: int | None = None
        self.forgotten: list[str] = []

    async def publish(self, batches: Sequence[Batch], watched: Sequence[str]) -> Published:
        if self.down:
            raise BusUnavailable("down")
        first = len(self.batches)
        self.batches += batches
        ids = [str(number).encode() for number in range(first, len(self.batches))]
        known = {spool_id: self.acked[spool_id] for spool_id in watched if spool_id in self.acked}
        return Published(ids, len(self.batches) if self.length is None else self.length, known)

    async def holds(self, entry_id: bytes, spool_id: str) -> bool:
        return not self.lost

    async def forget(self, spool_id: str) -> None:
        self.forgotten.append(spool_id)

    async def aclose(self) -> None:
        return

    def confirm_all(self) -> None:
        for batch in self.batches:
            self.acked[batch.spool_id] = max(batch.end, self.acked.get(batch.spool_id, batch.end))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _shipper(bus: MemoryBus, root: Path, own: Spool | None, **options) -> tuple[Shipper, Clock]:
    clock = Clock()
    return Shipper(bus, root=root, own=own, monotonic=clock, interval_s=0.0, **options), clock


async def test_lines_are_sent_once_and_the_spool_ends_when_all_is_confirmed(tmp_path: Path):
    bus, spool = MemoryBus(), Spool.open(tmp_path)
    shipper, _ = _shipper(bus, tmp_path, spool)
    spool.append(b"a\nb\n")
    await shipper._turn()
    await shipper._turn()
    assert [batch.data for batch in bus.batches] == [b"a\nb\n"]
    bus.confirm_all()
    await shipper.stop(drain_s=1)
    assert not spool.path.exists()
    assert bus.forgotten == [spool.spool_id]


async def test_a_bus_that_is_down_loses_nothing(tmp_path: Path):
    bus, spool = MemoryBus(), Spool.open(tmp_path)
    shipper, _ = _shipper(bus, tmp_path, spool)
    spool.append(b"a\n")
    bus.down = True
    await shipper._turn()
    spool.append(b"b\n")
    bus.down = False
    await shipper._turn()
    assert b"".join(batch.data for batch in bus.batches) == b"a\nb\n"


async def test_an_error_that_nobody_expected_does_not_end_the_shipping(tmp_path: Path):
    class BrokenOnce(MemoryBus):
        broken = True

        async def publish(self, batches: Sequence[Batch], watched: Sequence[str]) -> Published:
            if self.broken:
                self.broken = False
                raise RuntimeError("the handler is closed")
            return await super().publish(batches, watched)

    bus, spool = BrokenOnce(), Spool.open(tmp_path)
    shipper, _ = _shipper(bus, tmp_path, spool)
    spool.append(b"a\n")
    await shipper._turn()
    await shipper._turn()
    assert [batch.data for batch in bus.batches] == [b"a\n"]


async def test_batches_that_the_bus_lost_are_sent_again_from_what_is_confirmed(tmp_path: Path):
    bus, spool = MemoryBus(), Spool.open(tmp_path)
    shipper, clock = _shipper(bus, tmp_path, spool, stall_s=5.0)
    spool.append(b"a\n")
    await shipper._turn()
    bus.confirm_all()
    await shipper._turn()
    spool.append(b"b\n")
    await shipper._turn()
    bus.lost = True
    clock.now = 6.0
    await shipper._turn()
    await shipper._turn()
    assert [batch.data for batch in bus.batches] == [b"a\n", b"b\n", b"b\n"]
    assert bus.batches[-1].after == Position(1, 2)


async def test_batches_that_still_wait_on_the_bus_are_not_sent_again(tmp_path: Path):
    bus, spool = MemoryBus(), Spool.open(tmp_path)
    shipper, clock = _shipper(bus, tmp_path, spool, stall_s=5.0)
    spool.append(b"a\n")
    await shipper._turn()
    clock.now = 6.0
    await shipper._turn()
    await shipper._turn()
    assert len(bus.batches) == 1


async def test_a_stream_that_is_too_long_gets_nothing_more(tmp_path: Path):
    bus, spool = MemoryBus(), Spool.open(tmp_path)
    shipper, _ = _shipper(bus, tmp_path, spool, max_stream_length=10)
    spool.append(b"a\n")
    bus.length = 10
    await shipper._turn()
    spool.append(b"b\n")
    await shipper._turn()
    assert len(bus.batches) == 1
    bus.length = 3
    await shipper._turn()
    await shipper._turn()
    assert len(bus.batches) == 2


async def test_a_dead_processes_spool_is_adopted_shipped_and_removed(tmp_path: Path):
    dead = Spool.open(tmp_path)
    dead.append(b"left\n")
    dead.close()
    bus, emitter = MemoryBus(), MemoryEmitter()
    shipper, _ = _shipper(bus, tmp_path, None, emitter=emitter)
    await shipper._turn()
    assert [batch.data for batch in bus.batches] == [b"left\n"]
    bus.confirm_all()
    await shipper._turn()
    assert not dead.path.exists()
    adopted: list[tuple[EventPayload, EventContext]] = emitter.events
    assert adopted[0][0] == SpoolAdopted(spool_id=dead.spool_id, bytes=5)


async def test_what_is_unconfirmed_at_the_end_stays_for_an_adopter(tmp_path: Path):
    bus, spool = MemoryBus(), Spool.open(tmp_path)
    shipper, _clock = _shipper(bus, tmp_path, spool)
    spool.append(b"a\n")
    await shipper.stop(drain_s=0)
    assert spool.path.exists()
    adopted = Spool.adopt(spool.path)
    assert adopted is not None
    adopted.close()
