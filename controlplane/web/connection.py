"""A client's HTTP connection: uvicorn's, with limits on what a client may send before it is a request."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from contracts.errors import GatewayError, HeadTooLarge, InvalidRequest, ServiceUnavailable
from contracts.ids import new_correlation_id
from controlplane.web.direct import DirectExchange
from gateway.lane import DIRECT

HEAD_TIMEOUT_S = 10.0
"""A request's line and headers must be complete this long after they began, or the connection opened."""

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers. Looked at with each packet of an unfinished head: the last may go beyond."""

MAX_HEADERS = 200
"""Header lines of one request."""

MAX_CONNECTIONS = 4096
"""Open connections per worker, WebSockets included; beyond them a client is asked to come back."""

_VERSIONS = frozenset({"1.0", "1.1"})
_OF_THE_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Headers that speak of this connection, not of the request (RFC 9110, 7.6.1)."""


class HttpConnection(HttpToolsProtocol):
    """What it adds: limits of time, size and number for heads, a limit of connections, refusals in the product's own
    shape, and service in HTTP/1.1 for clients that offer another protocol with their request: Java's HttpClient
    offers HTTP/2 with each, and to uvicorn what follows would not be the request's body any more.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._refusal: GatewayError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(ServiceUnavailable("Too many open connections.", retry_after_s=1))
            return
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """The client sends no more: it has left, or it has broken off a body and may still read what we say to it."""
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_started:
            self._refuse(InvalidRequest("The body ended before it was complete."))

    def data_received(self, data: bytes) -> None:
        """Bytes have come; everything up to the application happens in here."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stop_head_timer()
            self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(self._refusal or InvalidRequest("This is not a valid HTTP request."))
            return
        if self._in_head:
            self._watch_head(len(data))
        elif self._head_timer is not None:
            self._stop_head_timer()

    def on_message_begin(self) -> None:
        """The first byte of a request has been parsed."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request's head is complete."""
        self._in_head = False
        if len(self.headers) > MAX_HEADERS:
            self._refusal = HeadTooLarge(f"The request has more than {MAX_HEADERS} headers.")
            raise self._refusal
        if self.parser.get_http_version() not in _VERSIONS:
            self._refusal = InvalidRequest("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
            raise self._refusal
        # Another protocol than WebSocket: the same request is parsed again without the offer.
        if not self.parser.should_upgrade() or self._should_upgrade():
            super().on_headers_complete()
            # The cycle's task starts in the next turn of the loop.
            self.scope["extensions"] = cast("dict[str, dict[object, object]]", {DIRECT: DirectExchange(self.cycle)})

    def on_message_complete(self) -> None:
        """A request's last byte has been parsed."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _should_upgrade(self) -> bool:
        # A WebSocket begins with a GET (RFC 6455, 4.1).
        return self.parser.get_method() == b"GET" and super()._should_upgrade()

    def _upgrade(self, rest: bytes) -> None:
        if self._should_upgrade():
            self.handle_websocket_upgrade()
            return
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(InvalidRequest("This is not a proxy."))
            return
        head = [method, b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name not in _OF_THE_HOP:
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*head, b"\r\n", rest]))

    def _watch_head(self, received: int) -> None:
        self._head_bytes += received
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge(f"The headers are larger than {MAX_HEAD_BYTES} bytes."))
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_too_late)

    def _head_too_late(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, error: GatewayError) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            # In the middle of an answer nothing can be said any more.
            self.transport.abort()
            return
        correlation_id = new_correlation_id()
        body = msgspec.json.encode(error.as_body(correlation_id))
        head = [STATUS_LINE[error.status], b"content-type: application/json\r\n"]
        head.append(b"content-length: %d\r\nconnection: close\r\n" % len(body))
        head.append(b"x-correlation-id: %s\r\n" % correlation_id.encode())
        if error.retry_after_s is not None:
            head.append(b"retry-after: %d\r\n" % round(error.retry_after_s))
        self.transport.write(b"".join([*head, b"\r\n", body]))
        self.transport.close()
