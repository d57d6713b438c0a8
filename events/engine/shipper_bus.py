"""A process's side of the bus, on the light Redis connection.

A gateway worker looks at the bus fifty times a second on the loop that serves calls: through redis-py a look cost
2 ms, which the calls of that moment waited for; here it costs 0.1 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from events.engine.bus import ACKED, STREAM, Batch, BusUnavailable, Published, fields_of
from events.engine.redis_wire import RedisArg, RedisCommandError, RedisUnavailable, RedisWire
from events.engine.spool import Position

TIMEOUT_S: Final = 10.0
"""A Redis that is this late is taken for dead; it may be writing its snapshot, so this is generous."""


class RedisShipperBus:
    """:class:`events.engine.bus.ShipperBus` on a Redis stream."""

    def __init__(self, wire: RedisWire, *, stream: str = STREAM, timeout_s: float = TIMEOUT_S) -> None:
        self._wire = wire
        self._stream = stream
        self._acked = ACKED if stream == STREAM else f"{stream}:acked"
        self._timeout_s = timeout_s
        self._started = False

    @classmethod
    def from_url(cls, url: str, *, stream: str = STREAM) -> RedisShipperBus:
        """A bus with its own connection, opened on first use on the loop that uses it."""
        return cls(RedisWire(url), stream=stream)

    async def publish(self, batches: Sequence[Batch], watched: Sequence[str]) -> Published:
        """See :class:`events.engine.bus.ShipperBus`."""
        commands: list[tuple[RedisArg, ...]] = [
            ("XADD", self._stream, "*", *(part for field in fields_of(batch).items() for part in field))
            for batch in batches
        ]
        commands.append(("XLEN", self._stream))
        if watched:
            commands.append(("HMGET", self._acked, *watched))
        answers = await self._run(*commands)
        known = answers[len(batches) + 1] if watched else []
        return Published(
            entry_ids=answers[: len(batches)],
            length=int(answers[len(batches)]),
            acked={
                spool_id: Position.parse(text.decode())
                for spool_id, text in zip(watched, known, strict=True)
                if text is not None
            },
        )

    async def holds(self, entry_id: bytes, spool_id: str) -> bool:
        """See :class:`events.engine.bus.ShipperBus`."""
        [entries] = await self._run(("XRANGE", self._stream, entry_id, entry_id, "COUNT", 1))
        if not entries:
            return False
        names_and_values = entries[0][1]
        return dict(zip(names_and_values[::2], names_and_values[1::2], strict=True)).get(b"spool") == spool_id.encode()

    async def forget(self, spool_id: str) -> None:
        """See :class:`events.engine.bus.ShipperBus`."""
        await self._run(("HDEL", self._acked, spool_id))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._wire.stop()

    async def _run(self, *commands: tuple[RedisArg, ...]) -> list[Any]:
        if not self._started:
            self._started = True
            await self._wire.start()
        try:
            async with asyncio.timeout(self._timeout_s):
                return list(await asyncio.gather(*[self._wire.call(*command) for command in commands]))
        except TimeoutError:
            self._wire.abandon()
            raise BusUnavailable("Redis did not answer in time.") from None
        except (RedisUnavailable, RedisCommandError) as error:
            raise BusUnavailable(str(error)) from error
