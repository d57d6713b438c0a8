"""HTTP over a bare socket, for requests that no client library would send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tests.gateway.stand import CLEAR_KEY

TIMEOUT_S = 10.0


class WireReply(NamedTuple):
    """What came back; status 0 when the server closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def head(
    method: str = "POST",
    path: bytes | str = "/v1/chat/completions",
    *lines: bytes,
    key: str | None = CLEAR_KEY,
    content_type: str | None = "application/json",
) -> bytes:
    """A request's head; ``lines`` are added as they are."""
    target = path if isinstance(path, bytes) else path.encode()
    all_lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: localhost"]
    if key is not None:
        all_lines.append(b"Authorization: Bearer " + key.encode())
    if content_type is not None:
        all_lines.append(b"Content-Type: " + content_type.encode())
    return b"\r\n".join([*all_lines, *lines, b"", b""])


def request(body: bytes, *lines: bytes, **kwargs: Any) -> bytes:
    """A whole request with its true length."""
    method = kwargs.pop("method", "POST")
    path = kwargs.pop("path", "/v1/chat/completions")
    return head(method, path, *lines, b"Content-Length: %d" % len(body), **kwargs) + body


async def exchange(url: str, pieces: bytes | Iterable[bytes], *, half_close: bool = False) -> WireReply:
    """Send the pieces, as far as the server takes them, and read one answer."""
    return await asyncio.to_thread(_exchange, url, [pieces] if isinstance(pieces, bytes) else pieces, half_close)


def _exchange(url: str, pieces: Iterable[bytes], half_close: bool) -> WireReply:
    # Blocking, because asyncio's streams throw away what was received when sending fails.
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), TIMEOUT_S) as connection:
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        return _read(connection)


def _read(connection: socket.socket) -> WireReply:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return WireReply(0, {}, received)
        received += piece
    head_bytes, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head_bytes.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        piece = connection.recv(65_536)
        assert piece, "the answer broke off"
        body += piece
    return WireReply(int(first.split()[1]), headers, body)
