"""A server that sends exactly the bytes a test wants, when it wants."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from contracts.ports import UpstreamRequest

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """First line, headers and body of the next request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return first, headers, await reader.readexactly(int(headers.get("content-length", "0")))


class ScriptedServer:
    """Runs ``handler`` for every connection and closes it afterwards."""

    def __init__(self, handler: Handler, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.closed_by_peer = asyncio.Event()
        self._handler = handler
        self._host = host
        self._context = context
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0)

    def request(self, method: str = "POST", body: bytes = b"{}", path: str = "/", **headers: str) -> UpstreamRequest:
        scheme = "https" if self._context else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return UpstreamRequest(method, f"{scheme}://{host}:{self.port}{path}", pairs, body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_by_peer.set()
        finally:
            writer.close()


def answering(*answers: bytes) -> Handler:
    """Answers requests with ``answers`` in turn (the last one for ever), keeping the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = 0
        while True:
            await read_request(reader)
            writer.write(answers[min(turn, len(answers) - 1)])
            turn += 1

    return handle


def closing_after(answer: bytes) -> Handler:
    """Answers one request and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    return handle
