"""A response whose body is still arriving; holds the sender back when nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol, Self

from contracts.errors import ProviderError, ProviderUnavailable

HIGH_WATER_BYTES: Final = 256 * 1024


class Source(Protocol):
    """The connection a body comes from."""

    loop: asyncio.AbstractEventLoop

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read again."""

    def cancel(self, number: int) -> None:
        """Close at once if exchange ``number`` is still going on."""


class HttpStream:
    """Yields what has arrived since the last piece, joined."""

    __slots__ = (
        "__weakref__",
        "_ended",
        "_error",
        "_held",
        "_number",
        "_paused",
        "_pieces",
        "_source",
        "_waiter",
        "headers",
        "status",
    )

    def __init__(self, source: Source, number: int, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self._source: Source | None = source
        self._number = number
        self._pieces: list[bytes] = []
        self._held = 0
        self._paused = self._ended = False
        self._error: ProviderError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # --- for the connection -------------------------------------------------------------------------

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if not piece:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > HIGH_WATER_BYTES and not self._paused and self._source is not None:
            self._paused = True
            self._source.pause()
        self._wake()

    def release(self) -> bool:
        """The connection is free for another exchange; whether reading was paused."""
        paused, self._paused = self._paused, False
        self._source = None
        return paused

    def end(self, error: ProviderError | None) -> None:
        """No more pieces will come; ``error`` is raised after those that have."""
        self._source = None
        self._ended = True
        self._error = error
        self._wake()

    def drop(self) -> None:
        """Close the connection if the body is still arriving on it."""
        source, self._source = self._source, None
        if source is not None:
            source.cancel(self._number)
            self.end(ProviderUnavailable("The connection to the provider has been closed."))

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- for the caller -----------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._more()
        pieces, self._pieces = self._pieces, []
        self._held = 0
        if self._paused and self._source is not None:
            self._paused = False
            self._source.resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _more(self) -> None:
        assert self._source is not None
        waiter = self._waiter = self._source.loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            self.drop()
            raise

    async def aclose(self) -> None:
        """Close; what has not been read is not waited for. Safe to call twice."""
        self._pieces.clear()
        self.drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # Dropped without being read or closed: the provider must not go on producing for nobody.
        source = self._source
        if source is not None and not source.loop.is_closed():
            source.loop.call_soon_threadsafe(source.cancel, self._number)
