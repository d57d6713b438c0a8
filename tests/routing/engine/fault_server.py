"""An HTTP/1.1 server on a raw socket that misbehaves on request: what an HTTP framework would not let a test do.

The path names the behaviour; what the server saw is kept for assertions.
"""

from __future__ import annotations

import asyncio
import gzip
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from contracts.ports import UpstreamRequest


@dataclass
class Exchange:
    """One request the server has read, and the connection it came on (numbered from 1)."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class FaultServer:
    """Serves ``/<behaviour>`` on an ephemeral port of 127.0.0.1."""

    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    closed_by_peer: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed a connection on which an answer was still owed."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await asyncio.sleep(0)

    def request(self, behaviour: str, body: bytes = b"{}") -> UpstreamRequest:
        """A POST that provokes ``behaviour``."""
        headers = (("content-type", "application/json"), ("authorization", "Bearer sk-very-secret"))
        return UpstreamRequest("POST", f"http://127.0.0.1:{self.port}/{behaviour}?key=url-secret", headers, body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        try:
            while (exchange := await self._read(reader, number)) is not None:
                self.exchanges.append(exchange)
                behaviour = exchange.path.partition("?")[0].strip("/").replace("-", "_")
                answer: Callable[..., Awaitable[bool]] = getattr(self, f"_do_{behaviour}")
                if not await answer(reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_by_peer.set()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Exchange | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Exchange(first.split()[1], headers, body, number)

    async def _owed(self, reader: asyncio.StreamReader) -> bool:
        if await reader.read(1) == b"":
            self.closed_by_peer.set()
        return False

    async def _do_ok(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Up: 1\r\nContent-Length: 11\r\n\r\n{"ok":true}'
        )
        return True

    async def _do_ok_then_close(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}')
        return False

    async def _do_close_if_reused(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """The race of keep-alive: a connection that has served before is closed instead of answered."""
        connection = self.exchanges[-1].connection
        if any(e.connection == connection for e in self.exchanges[:-1]):
            return False
        return await self._do_ok(reader, writer)

    async def _do_gzip(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._encoded(writer, "gzip", gzip.compress(b'{"ok":true}'))

    async def _do_deflate(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._encoded(writer, "deflate", zlib.compress(b'{"ok":true}'))

    async def _do_gzip_garbage(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._encoded(writer, "gzip", b"this is not gzip")

    def _encoded(self, writer: asyncio.StreamWriter, encoding: str, data: bytes) -> bool:
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        )
        return True

    async def _do_redirect(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")
        return True

    async def _do_unavailable(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 503 Nope\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}")
        return True

    async def _do_hang(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        return await self._owed(reader)

    async def _do_close(self, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        return False

    async def _do_reset(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: close() sends RST
        writer.transport.abort()
        return False

    async def _do_garbage(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x01\x02 not http at all\r\n\r\n")
        return False

    async def _do_half_body(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"ok":')
        return False

    async def _do_half_body_hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"ok":')
        return await self._owed(reader)

    async def _do_half_stream(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + self._chunk(b"data: 1\n\n"))
        return False

    async def _do_stream(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            writer.write(self._chunk(f"data: {number}\n\n".encode()))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    async def _do_stream_hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + self._chunk(b"data: 1\n\n"))
        return await self._owed(reader)

    async def _do_answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """A whole answer in the tests' own stream format."""
        return self._events(writer, "role", "one", "two", "end")

    async def _do_error_first(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._events(writer, "role", "error")

    async def _do_error_later(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """The error comes when :attr:`go` is set: sent at once, it could arrive together with the output."""
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + self._chunk(b"data: one\n\n"))
        await self.go.wait()
        writer.write(self._chunk(b"data: error\n\n") + b"0\r\n\r\n")
        return True

    async def _do_no_end(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._events(writer, "one")

    async def _do_role_hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + self._chunk(b"data: role\n\n"))
        return await self._owed(reader)

    def _events(self, writer: asyncio.StreamWriter, *texts: str) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for text in texts:
            writer.write(self._chunk(f"data: {text}\n\n".encode()))
        writer.write(b"0\r\n\r\n")
        return True

    async def _do_slow(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers when :attr:`go` is set."""
        await self.go.wait()
        return await self._do_ok(_reader, writer)

    async def _do_bad_request(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._status(writer, "400 Bad Request")

    async def _do_unauthorized(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._status(writer, "401 Unauthorized")

    async def _do_overloaded(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._status(writer, "503 Overloaded")

    async def _do_half_error(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b'HTTP/1.1 503 Overloaded\r\nContent-Length: 1000\r\n\r\n{"err')
        return False

    async def _do_limited(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return self._status(writer, "429 Too Many Requests\r\nRetry-After: 30")

    async def _do_fails_once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if sum("fails" in exchange.path for exchange in self.exchanges) == 1:
            return self._status(writer, "503 Overloaded")
        return await self._do_ok(reader, writer)

    def _status(self, writer: asyncio.StreamWriter, status: str) -> bool:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        return True

    async def _do_endless(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = self._chunk(b"x" * 65536)
        while True:
            writer.write(block)
            await writer.drain()

    async def _do_endless_header(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    @staticmethod
    def _chunk(data: bytes) -> bytes:
        return f"{len(data):x}\r\n".encode() + data + b"\r\n"
