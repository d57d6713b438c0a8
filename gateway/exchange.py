"""One HTTP exchange, independent of the door it came through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import msgspec

Headers = list[tuple[bytes, bytes]]


class GatewayRequest(msgspec.Struct):
    """A request with its whole body; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client_ip: str
    body: bytes
    received_at: float
    """``Clock.monotonic`` instant at which the body was complete."""


class Answer(msgspec.Struct):
    """A whole response (``body``) or a streamed one.

    Whoever gets a ``stream`` must ask for its first piece at once, before anything else can be cancelled, and close
    it when it is not read to its end: only a stream that has begun can account for its call.
    """

    status: int
    headers: Headers
    body: bytes = b""
    stream: AsyncGenerator[bytes, None] | None = None
