"""The idle connections to one address."""

from __future__ import annotations

import asyncio
from typing import Final

from routing.engine.http.connection import Connection

IDLE_S: Final = 50.0
"""Idle connections are dropped before the 60 s after which common load balancers drop them."""
MAX_IDLE: Final = 512


class Pool:
    """Hands out the connection used last, so that a load that has shrunk lets the others grow old.

    Connections in use are not counted and not limited.
    """

    __slots__ = ("_closed", "_idle", "_sweep")

    def __init__(self) -> None:
        self._idle: dict[Connection, None] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """A connection that is open as far as this process can know; None when there is none."""
        idle = self._idle
        while idle:
            connection = idle.popitem()[0]
            if connection.usable:
                return connection
        return None

    def free(self, connection: Connection) -> None:
        """Keep a connection that is between two exchanges."""
        if self._closed or len(self._idle) >= MAX_IDLE:
            connection.close()
            return
        connection.idle_since = connection.loop.time()
        self._idle[connection] = None
        if self._sweep is None:
            self._sweep = connection.loop.call_later(IDLE_S, self._drop_old, connection.loop)

    def forget(self, connection: Connection) -> None:
        """The connection is closed or about to be."""
        self._idle.pop(connection, None)

    def close(self) -> None:
        """Close what is idle now, and later what is in use."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            connection = self._idle.popitem()[0]
            if not connection.loop.is_closed():
                connection.close()

    def _drop_old(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = None
        now = loop.time()
        while self._idle:
            oldest = next(iter(self._idle))
            left = oldest.idle_since + IDLE_S - now
            if left > 0:
                self._sweep = loop.call_later(left, self._drop_old, loop)
                return
            oldest.close()
