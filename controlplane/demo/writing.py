"""Hands events of the past to the collector's own store: events, runs, ledger and rollups come from its statements."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from random import Random

import msgspec

from contracts.events import SCHEMA_VERSION, EventContext
from controlplane.demo.calls import events_of
from controlplane.demo.past import Told
from controlplane.demo.traffic import PlannedCall
from events.collector.store import EventStore
from events.engine.bus import Batch
from events.engine.envelope import Outgoing, Rfc3339
from events.engine.spool import START, Position

ENVIRONMENT = "demo"
"""``env`` of every event that the demo wrote, by which it finds them again."""
SPOOL_PREFIX = "demo-"
BATCH_EVENTS = 20_000

Progress = Callable[[int], None]


class Encoder:
    """Makes lines of events, with ids that sort by when they happened and are the same for the same chance."""

    def __init__(self, rng: Random, *, service_name: str) -> None:
        self._rng = rng
        self._service_name = service_name
        self._clock_text = Rfc3339()
        self._json = msgspec.json.Encoder()

    def context(self, call: PlannedCall) -> EventContext:
        """Whose a call is, and its ids."""
        bits = self._rng.getrandbits
        correlation = "req_" + _uuid7(call.at_ms, bits(74)).hex
        return EventContext(str(call.tenant.row.pk), f"{bits(128):032x}", f"{bits(64):016x}", correlation)

    def lines(self, told: Iterable[Told]) -> bytes:
        """The events as the spool would have them."""
        return self._json.encode_lines([self._outgoing(*each) for each in told])

    def _outgoing(self, event: object, context: EventContext, at_ns: int) -> Outgoing:
        kind = type(event)
        return Outgoing(
            str(_uuid7(at_ns // 1_000_000, self._rng.getrandbits(74))),
            kind.event_type,  # type: ignore[attr-defined]
            SCHEMA_VERSION,
            self._clock_text.format(at_ns),
            kind.layer,  # type: ignore[attr-defined]
            self._service_name,
            ENVIRONMENT,
            context.tenant_id,
            context.trace_id,
            context.span_id,
            context.correlation_id,
            event,
        )


def write(
    conninfo: str, encoder: Encoder, told: Sequence[Told], calls: Sequence[PlannedCall], progress: Progress
) -> int:
    """Write what was told and what the calls tell, unless it ended after the last instant; how many events."""
    # What is as old as the story is still taken; the collector itself drops it when its retention says so.
    oldest = min([call.at_ms for call in calls[:1]] + [at_ns // 1_000_000 for _, _, at_ns in told], default=0)
    retention = timedelta(milliseconds=time.time() * 1000 - oldest) + timedelta(days=2)
    return asyncio.run(_write(conninfo, retention, _batches(encoder, told, calls), progress))


async def _write(conninfo: str, retention: timedelta, batches: Iterator[Batch], progress: Progress) -> int:
    store = EventStore(conninfo, retention=retention)
    written = 0
    try:
        batch = next(batches, None)
        while batch is not None:
            # The next one is made while PostgreSQL is busy with this one.
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(asyncio.to_thread(next, batches, None))
                writing = tasks.create_task(store.write([batch]))
            done, batch = writing.result(), following.result()
            if done.quarantined:
                raise RuntimeError(f"{done.quarantined} events of the demo are not what the collector takes.")
            written += len(done.events)
            progress(written)
    finally:
        await store.aclose()
    return written


def _batches(encoder: Encoder, told: Sequence[Told], calls: Sequence[PlannedCall]) -> Iterator[Batch]:
    spool_id = SPOOL_PREFIX + uuid.uuid4().hex
    place = START
    for events in _chunks(encoder, told, calls):
        data = encoder.lines(events)
        end = Position(place.segment, place.offset + len(data))
        yield Batch(spool_id, place, end, START, data)
        place = end


def _chunks(encoder: Encoder, told: Sequence[Told], calls: Sequence[PlannedCall]) -> Iterator[list[Told]]:
    now_ns = time.time_ns()
    chunk: list[Told] = list(told)
    for call in calls:
        events = list(events_of(call, encoder.context(call)))
        # Of calls that are under way when the story ends, nothing is told: nobody would ever end them.
        if events[-1][2] <= now_ns:
            chunk += events
        if len(chunk) >= BATCH_EVENTS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _uuid7(unix_ms: int, chance: int) -> uuid.UUID:
    """RFC 9562: 48 bits of time, version, 12 bits of chance, variant, 62 bits of chance."""
    return uuid.UUID(
        int=(unix_ms & (2**48 - 1)) << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | (chance & (2**62 - 1))
    )
