"""The bus between spools and collectors: Redis Streams behind a Protocol.

One stream entry is one :class:`Batch`: hundreds of envelopes of one spool, newline-joined. The stream is never
trimmed by length, which would lose data: collectors delete what they have acknowledged, and shippers stop while
the stream is longer than their limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, cast

import msgspec
import redis.asyncio
from redis.exceptions import RedisError, ResponseError

from events.engine.spool import START, Position

STREAM: Final = "events"
GROUP: Final = "collector"
COLLECTORS: Final = "events:collectors"
"""Hash: collector → Unix milliseconds of its last sign of life."""
COLLECTOR_TTL_S: Final = 15
"""A collector that was silent for longer counts as dead."""
ACKED: Final = "events:acked"
"""Hash: spool id → position up to which PostgreSQL has the spool's events."""


class BusUnavailable(Exception):
    """The bus cannot be reached or takes no more; try again later."""


class Batch(msgspec.Struct, frozen=True):
    """Lines of one spool between two positions.

    ``acked`` is what the shipper knows to be in PostgreSQL: a collector without a record of the spool starts there.
    """

    spool_id: str
    after: Position
    end: Position
    acked: Position
    data: bytes


class Published(NamedTuple):
    """What the bus said to a publish: entry ids in order, its length, and positions acknowledged so far."""

    entry_ids: list[bytes]
    length: int
    acked: dict[str, Position]


class Delivery(NamedTuple):
    """A batch handed to a collector; None when the entry is not one of ours."""

    entry_id: bytes
    batch: Batch | None


class ShipperBus(Protocol):
    """The side of a process that has a spool. Every method raises :class:`BusUnavailable`."""

    async def publish(self, batches: Sequence[Batch], watched: Sequence[str]) -> Published:
        """Append batches; also the stream's length and the acknowledged positions of the ``watched`` spools."""

    async def holds(self, entry_id: bytes, spool_id: str) -> bool:
        """Whether the entry is still there, waiting for a collector."""

    async def forget(self, spool_id: str) -> None:
        """Drop the acknowledged position of a spool that is no more."""

    async def aclose(self) -> None:
        """Close the connections."""


class CollectorBus(Protocol):
    """The side of a collector. Every method raises :class:`BusUnavailable`."""

    async def read(self, consumer: str, *, count: int, block_ms: int) -> list[Delivery]:
        """New deliveries, waiting up to ``block_ms`` for the first."""

    async def claim(self, consumer: str, *, count: int, idle_ms: int) -> list[Delivery]:
        """Deliveries that another consumer received at least ``idle_ms`` ago and never acknowledged."""

    async def acknowledge(self, entry_ids: Sequence[bytes], positions: Mapping[str, Position]) -> int:
        """Remove entries and publish positions, atomically; what is left in the stream."""

    async def beat(self, consumer: str, now_ms: int) -> None:
        """Say that the collector is alive."""

    async def leave(self, consumer: str) -> None:
        """The collector ends and holds no deliveries."""

    async def aclose(self) -> None:
        """Close the connections."""


class RedisCollectorBus:
    """:class:`CollectorBus` on a Redis stream with one consumer group."""

    def __init__(self, client: redis.asyncio.Redis, *, stream: str = STREAM, group: str = GROUP) -> None:
        self._redis = client
        self._stream = stream
        self._group = group
        self._acked = ACKED if stream == STREAM else f"{stream}:acked"

    @classmethod
    def from_url(cls, url: str, *, stream: str = STREAM) -> RedisCollectorBus:
        """A bus with its own connections, of the running loop."""
        client = redis.asyncio.Redis.from_url(
            url, socket_timeout=10, socket_connect_timeout=3, health_check_interval=30, retry=None
        )
        return cls(client, stream=stream)

    async def read(self, consumer: str, *, count: int, block_ms: int) -> list[Delivery]:
        """See :class:`CollectorBus`."""
        try:
            answer = await self._redis.xreadgroup(
                self._group, consumer, {self._stream: ">"}, count=count, block=block_ms
            )
        except ResponseError as error:
            await self._create_group(error)
            return []
        except (RedisError, OSError) as error:
            raise BusUnavailable(str(error)) from error
        return _deliveries(_first_stream(answer))

    async def claim(self, consumer: str, *, count: int, idle_ms: int) -> list[Delivery]:
        """See :class:`CollectorBus`."""
        try:
            answer = await self._redis.xautoclaim(
                self._stream, self._group, consumer, min_idle_time=idle_ms, start_id="0-0", count=count
            )
        except ResponseError as error:
            await self._create_group(error)
            return []
        except (RedisError, OSError) as error:
            raise BusUnavailable(str(error)) from error
        return _deliveries(answer[1])

    async def acknowledge(self, entry_ids: Sequence[bytes], positions: Mapping[str, Position]) -> int:
        """See :class:`CollectorBus`."""
        pipeline = self._redis.pipeline(transaction=True)
        if positions:
            pipeline.hset(self._acked, mapping={spool_id: str(position) for spool_id, position in positions.items()})
        if entry_ids:
            pipeline.xack(self._stream, self._group, *entry_ids)
            pipeline.xdel(self._stream, *entry_ids)
        pipeline.xlen(self._stream)
        answers = await self._run(pipeline)
        return int(answers[-1])

    async def beat(self, consumer: str, now_ms: int) -> None:
        """See :class:`CollectorBus`."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(COLLECTORS)
        pipeline.hset(COLLECTORS, consumer, str(now_ms))
        answers = await self._run(pipeline)
        dead = [name for name, beat_ms in answers[0].items() if int(beat_ms) < now_ms - 60_000 * COLLECTOR_TTL_S]
        if dead:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hdel(COLLECTORS, *dead)
            await self._run(pipeline)

    async def collectors_alive(self, now_ms: int) -> list[str]:
        """Names of the collectors that beat within ``COLLECTOR_TTL_S``; for health checks."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(COLLECTORS)
        beats = (await self._run(pipeline))[0]
        return sorted(name.decode() for name, ms in beats.items() if int(ms) >= now_ms - 1000 * COLLECTOR_TTL_S)

    async def length(self) -> int:
        """Batches that wait in the stream or are being written."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xlen(self._stream)
        return int((await self._run(pipeline))[0])

    async def leave(self, consumer: str) -> None:
        """See :class:`CollectorBus`."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xgroup_delconsumer(self._stream, self._group, consumer)
        pipeline.hdel(COLLECTORS, consumer)
        await self._run(pipeline)

    async def _create_group(self, error: ResponseError) -> None:
        """After a start on an empty Redis, or after it was flushed; other refusals are passed on."""
        if not str(error).startswith("NOGROUP"):
            raise BusUnavailable(str(error)) from error
        try:
            await self._redis.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except ResponseError as refusal:
            if not str(refusal).startswith("BUSYGROUP"):
                raise BusUnavailable(str(refusal)) from refusal
        except (RedisError, OSError) as failure:
            raise BusUnavailable(str(failure)) from failure

    async def _run(self, pipeline: Any) -> list[Any]:
        try:
            return cast("list[Any]", await pipeline.execute())
        except (RedisError, OSError) as error:
            raise BusUnavailable(str(error)) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def fields_of(batch: Batch) -> dict[str, str | bytes]:
    """A stream entry's fields; :func:`_batch` reads them."""
    return {
        "spool": batch.spool_id,
        "after": str(batch.after),
        "end": str(batch.end),
        "acked": str(batch.acked),
        "data": batch.data,
    }


def _first_stream(answer: Any) -> Iterable[Any]:
    """Entries of the only stream asked for: redis-py answers a list (RESP2) or a mapping (RESP3)."""
    if not answer:
        return []
    if isinstance(answer, Mapping):
        entries = next(iter(answer.values()))
        return cast("Iterable[Any]", entries[0] if entries and isinstance(entries[0], list) else entries)
    return cast("Iterable[Any]", answer[0][1])


def _deliveries(entries: Iterable[Any]) -> list[Delivery]:
    return [Delivery(entry_id, _batch(fields)) for entry_id, fields in entries if fields is not None]


def _batch(fields: Mapping[bytes, bytes]) -> Batch | None:
    try:
        return Batch(
            spool_id=fields[b"spool"].decode(),
            after=Position.parse(fields[b"after"].decode()),
            end=Position.parse(fields[b"end"].decode()),
            acked=Position.parse(fields[b"acked"].decode()),
            data=fields[b"data"],
        )
    except (KeyError, ValueError):
        return None


__all__ = [
    "START",
    "Batch",
    "BusUnavailable",
    "CollectorBus",
    "Delivery",
    "Published",
    "RedisCollectorBus",
    "ShipperBus",
    "fields_of",
]
