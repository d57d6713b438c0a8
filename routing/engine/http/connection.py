"""One connection to a provider: writes a request, parses its response, and knows whether it may be used again."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Final, cast

import httptools

from contracts.errors import ProviderBadResponse, ProviderError, ProviderUnavailable
from contracts.ports import UpstreamResponse
from routing.engine.http.content import Unpacker, unpacker_for
from routing.engine.http.stream import HttpStream

MAX_HEAD_BYTES: Final = 64 * 1024
RACE_S: Final = 1.0
"""A used connection that breaks this soon after the request was written is taken for one the server was closing."""


class ConnectionRaced(ProviderUnavailable):
    """A used connection broke at once, before any byte of an answer: the request may be sent again."""


class _Stray(Exception):
    """Bytes that belong to no response."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; tells ``freed`` when it can carry another, ``gone`` when it never will."""

    __slots__ = (
        "_complete", "_freed", "_gone", "_head_bytes", "_head_done", "_head_only", "_header_bytes", "_headers",
        "_keep", "_number", "_parser", "_parts", "_sent_at", "_started", "_status", "_stream", "_streamed", "_to_eof",
        "_transport", "_unpacker", "_used", "_waiter", "idle_since", "loop",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        freed: Callable[[Connection], None],
        gone: Callable[[Connection], None],
    ) -> None:
        self.loop = loop
        self.idle_since = 0.0
        self._freed = freed
        self._gone = gone
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._used = False
        self._waiter: asyncio.Future[Any] | None = None
        self._stream: weakref.ref[HttpStream] | None = None
        self._number = 0
        self._unpacker: Unpacker | None = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._sent_at = 0.0
        self._status = self._head_bytes = self._header_bytes = 0
        self._streamed = self._head_only = self._started = self._head_done = self._keep = self._to_eof = False
        self._complete = True

    # --- for the client -----------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    def start(self, request: bytes, *, head_only: bool, streamed: bool) -> asyncio.Future[Any]:
        """Write a request; the future brings the whole response, or its :class:`HttpStream` if ``streamed``."""
        self._number += 1
        self._status = self._head_bytes = self._header_bytes = 0
        self._started = self._head_done = self._complete = self._keep = False
        self._head_only = head_only
        self._streamed = streamed
        self._headers = {}
        self._parts = []
        loop = self.loop
        waiter = self._waiter = loop.create_future()
        self._sent_at = loop.time()
        cast("asyncio.Transport", self._transport).write(request)
        return waiter

    def abandon(self, waiter: asyncio.Future[Any]) -> None:
        """Nobody waits for ``waiter`` any more: close, unless that exchange is over and another may have begun."""
        if self._waiter is waiter:
            self.close()
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            result = waiter.result()
            if isinstance(result, HttpStream):
                result.drop()

    def cancel(self, number: int) -> None:
        """Close if exchange ``number`` is still going on."""
        if self._number == number and not self._complete:
            self.close()

    def close(self) -> None:
        """Close at once; what is unsent or unread is dropped."""
        self._complete = True
        self._waiter = self._stream = None
        self._retire()

    def pause(self) -> None:
        """Stop reading: the body arrives faster than it is consumed."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # --- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; see whether that ended the exchange."""
        if self._complete:
            self.close()
            return
        self._started = True
        if not self._head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # Whatever follows a complete response spoils the connection, not the response.
            self._keep = False
            self._fed(error)
            return
        self._fed(None)

    def _fed(self, error: Exception | None) -> None:
        if self._complete:
            self._finish()
        elif error is not None:
            self._fail(_bad(error))
        elif not self._head_done and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(_bad(None))

    def eof_received(self) -> None:
        """The server has closed its side: there is nothing to wait for."""
        self._lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed, by whichever side."""
        self._transport = None
        self._lost(error)
        self._parser = None

    # --- httptools ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a response."""
        if self._complete:
            raise _Stray

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or trailer, whole."""
        if self._head_done:  # a trailer
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEAD_BYTES:
            raise _Stray
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        headers = self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The head of the response, or of an interim one, is here."""
        status = self._status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise _Stray
            return
        self._head_done = True
        headers = self._headers
        self._to_eof = "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "").lower()
        if "content-encoding" in headers and not self._head_only:
            self._unpacker = unpacker_for(headers)
        if self._streamed and self._waiter is not None and not self._waiter.done():
            stream = HttpStream(self, self._number, status, headers)
            # Held weakly, so that dropping the stream ends the exchange.
            self._stream = weakref.ref(stream)
            self._waiter.set_result(stream)
            self._waiter = None
        if self._head_only:
            # The parser cannot be told that no body follows; it is not used again.
            self._complete = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, without its chunk's frame."""
        if self._complete:
            raise _Stray
        if self._unpacker is not None:
            piece = self._unpacker.feed(piece)
        if self._stream is None:
            self._parts.append(piece)
        elif (stream := self._stream()) is not None:
            stream.feed(piece)
        else:
            raise _Stray

    def on_message_complete(self) -> None:
        """The last byte of a response."""
        if not self._head_done:  # 1xx: the answer is still to come
            self._headers = {}
            return
        self._keep = not self._head_only and self._parser.should_keep_alive()
        self._complete = True

    # --- how an exchange ends -----------------------------------------------------------------------

    def _finish(self) -> None:
        unpacker, self._unpacker = self._unpacker, None
        waiter, self._waiter = self._waiter, None
        stream, self._stream = self._reader(), None
        transport = self._transport
        unsent = transport is not None and transport.get_write_buffer_size() > 0
        wanted = stream is not None or (waiter is not None and not waiter.cancelled())
        if self._keep and wanted and not unsent:
            self._used = True
            if stream is not None and stream.release():
                self.resume()
            self._freed(self)
        else:
            self._retire()
        try:
            if unpacker is not None:
                unpacker.end()
        except ProviderBadResponse as error:
            _tell(waiter, stream, error)
            return
        if stream is not None:
            stream.end(None)
        elif waiter is not None and not waiter.done():
            parts = self._parts
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            waiter.set_result(UpstreamResponse(self._status, self._headers, body))

    def _reader(self) -> HttpStream | None:
        return self._stream() if self._stream is not None else None

    def _lost(self, error: Exception | None) -> None:
        if self._complete:
            self._retire()
        elif self._head_done and error is None and self._to_eof:
            self._complete = True
            self._finish()
        else:
            self._fail(self._broken(error))

    def _broken(self, error: Exception | None) -> ProviderError:
        if self._started and error is None:
            return ProviderBadResponse("The provider's answer broke off before its end.")
        words = "broke the connection" if error is not None else "closed the connection without an answer"
        raced = self._used and not self._started and self.loop.time() - self._sent_at <= RACE_S
        return (ConnectionRaced if raced else ProviderUnavailable)(f"The provider {words}.")

    def _fail(self, error: ProviderError) -> None:
        waiter, stream = self._waiter, self._reader()
        self._unpacker = None
        self.close()
        _tell(waiter, stream, error)

    def _retire(self) -> None:
        self._gone(self)
        if self._transport is not None:
            self._transport.abort()


def _tell(waiter: asyncio.Future[Any] | None, stream: HttpStream | None, error: ProviderError) -> None:
    if stream is not None:
        stream.end(error)
    elif waiter is not None and not waiter.done():
        waiter.set_exception(error)


def _bad(error: BaseException | None) -> ProviderError:
    cause = error.__context__ if error is not None else None
    return (
        cause if isinstance(cause, ProviderError) else ProviderBadResponse("The provider's answer is not valid HTTP.")
    )
