"""Real HTTP servers on a free port that stand in for a provider, with faults that are caused for real.

An emulator is a pure object: ``handle(request) -> Reply``. The server around it records every request, writes the
reply piece by piece and breaks it where a fault says so, so that each fault works with every emulator::

    async with UpstreamServer(OpenAIUpstream()) as server:
        server.fail(RateLimited(retry_after="2"))          # the next request
        server.fail(HalfStream(pieces=2), times=None)      # every one after it
        ... call server.url ...
        assert server.requests[0].json()["model"] == "gpt-4o"
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from aiohttp import web


class SeenRequest(msgspec.Struct, eq=False):
    """A request as it came over the wire; header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    disconnected: bool = False
    """The client left before the reply was complete."""
    answered: bool = False
    """The whole reply was written."""

    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)


class Reply(msgspec.Struct):
    """A response; more than one piece is sent with chunked encoding, one write each."""

    pieces: list[bytes]
    status: int = 200
    headers: dict[str, str] = msgspec.field(default_factory=lambda: {"content-type": "application/json"})
    piece_delay_s: float = 0.0
    streamed: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Self:
        """A whole JSON body."""
        return cls([msgspec.json.encode(value)], status, {"content-type": "application/json", **(headers or {})})

    @classmethod
    def events(cls, pieces: list[bytes], headers: dict[str, str] | None = None) -> Self:
        """An event stream, each piece one write."""
        return cls(pieces, 200, {"content-type": "text/event-stream", **(headers or {})}, streamed=True)


class Emulator(Protocol):
    """One provider's API."""

    def handle(self, request: SeenRequest) -> Reply:
        """The provider's answer; a request that its reference does not allow gets its own 400."""

    def error(self, status: int, message: str) -> Reply:
        """The error body that this provider sends with this status."""


class Fault(msgspec.Struct, frozen=True):
    """How one request goes wrong. ``change`` edits the reply; what cannot be said in a reply is a flag."""

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        """The reply to write instead."""
        return reply


class Hang(Fault, frozen=True):
    """Take the request and say nothing (``pieces=None``), or stop after some pieces and keep the connection."""

    pieces: int | None = None


class Reset(Fault, frozen=True):
    """Reset the TCP connection instead of answering."""


class HalfStream(Fault, frozen=True):
    """Write the first ``pieces`` (of a single piece: its first half) and drop the connection."""

    pieces: int = 2


class CleanCut(Fault, frozen=True):
    """Write the first ``pieces`` and end the response as if it were complete."""

    pieces: int = 2

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        return msgspec.structs.replace(reply, pieces=reply.pieces[: self.pieces])


class Garbage(Fault, frozen=True):
    """A 200 whose body is not the provider's."""

    body: bytes = b"<html><body>502 Bad Gateway</body></html>"

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        return msgspec.structs.replace(reply, pieces=[self.body], status=200)


class Refusal(Fault, frozen=True):
    """An error status in the provider's own error shape."""

    status: int = 500
    message: str = "The server had an error while processing your request."
    headers: tuple[tuple[str, str], ...] = ()

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        error = emulator.error(self.status, self.message)
        return msgspec.structs.replace(error, headers={**error.headers, **dict(self.headers)})


def RateLimited(retry_after: str | None = "1", **headers: str) -> Refusal:
    """A 429 with ``retry-after`` and further headers (underscores in names become hyphens)."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if retry_after is not None:
        named.append(("retry-after", retry_after))
    return Refusal(429, "Rate limit reached.", tuple(named))


class ErrorPage(Fault, frozen=True):
    """An error status with a proxy's HTML page, as a load balancer in front of the provider sends it."""

    status: int = 502
    body: bytes = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        return Reply([self.body], self.status, {"content-type": "text/html"})


class WrongContentType(Fault, frozen=True):
    """The right body under another media type."""

    content_type: str = "text/html"

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        return msgspec.structs.replace(reply, headers={**reply.headers, "content-type": self.content_type})


class SlowPieces(Fault, frozen=True):
    """Wait before each piece; ``split`` cuts pieces to that many bytes first."""

    delay_s: float = 0.05
    split: int | None = None

    def change(self, reply: Reply, emulator: Emulator) -> Reply:
        pieces = reply.pieces
        if self.split:
            whole = b"".join(pieces)
            pieces = [whole[start : start + self.split] for start in range(0, len(whole), self.split)]
        return msgspec.structs.replace(reply, pieces=pieces, piece_delay_s=self.delay_s, streamed=True)


class UpstreamServer:
    """One emulator behind a real socket, for the length of an ``async with``."""

    def __init__(
        self, emulator: Emulator, *, host: str = "127.0.0.1", port: int = 0, keep_requests: bool = True
    ) -> None:
        self.emulator = emulator
        self.requests: list[SeenRequest] = []
        self.url = ""
        self._keep_requests = keep_requests
        self._host = host
        self._port = port
        self._faults: deque[Fault | None] = deque()
        self._lasting: Fault | None = None
        self._changed = asyncio.Condition()
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    def fail(self, fault: Fault, times: int | None = 1) -> None:
        """Break the next ``times`` requests, or with None every request that no earlier fault takes."""
        if times is None:
            self._lasting = fault
        else:
            self._faults.extend([fault] * times)

    def succeed(self, times: int) -> None:
        """Let the next ``times`` requests through before the faults that are added later."""
        self._faults.extend([None] * times)

    def heal(self) -> None:
        """Forget all faults."""
        self._faults.clear()
        self._lasting = None

    async def until(self, condition: Callable[[Self], bool], timeout_s: float = 10.0) -> None:
        """Wait until ``condition(server)`` holds, looked at whenever a request comes or ends."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        seen = SeenRequest(
            request.method,
            request.path,
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        fault = self._faults.popleft() if self._faults else self._lasting
        if self._keep_requests:
            self.requests.append(seen)
        await self._notify()
        try:
            response = await self._answer(request, seen, fault)
            seen.answered = fault is None or not isinstance(fault, Hang | Reset | HalfStream)
            return response
        except (asyncio.CancelledError, ConnectionError):
            seen.disconnected = not self._stopping.is_set()
            raise
        finally:
            await asyncio.shield(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, request: web.Request, seen: SeenRequest, fault: Fault | None) -> web.StreamResponse:
        reply = self.emulator.handle(seen)
        if fault is not None:
            reply = fault.change(reply, self.emulator)
        if isinstance(fault, Reset):
            return _abort(request, web.StreamResponse())
        if isinstance(fault, Hang) and fault.pieces is None:
            await self._stopping.wait()
            return _abort(request, web.StreamResponse())
        if isinstance(fault, HalfStream | Hang):
            return await self._break_off(request, reply, fault)
        if not reply.streamed:
            await asyncio.sleep(reply.piece_delay_s)
            return web.Response(body=b"".join(reply.pieces), status=reply.status, headers=reply.headers)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        async for piece in _paced(reply):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _break_off(self, request: web.Request, reply: Reply, fault: HalfStream | Hang) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        pieces = reply.pieces
        if len(pieces) == 1:
            response.content_length = len(pieces[0])
            pieces = [pieces[0][: len(pieces[0]) // 2]]
        await response.prepare(request)
        for piece in pieces[: fault.pieces]:
            await response.write(piece)
        if isinstance(fault, Hang):
            await self._stopping.wait()
        elif request.transport is not None:
            request.transport.close()
        return response


def run_alone(emulator: Emulator, name: str) -> None:
    """Serve one emulator from the command line until it is interrupted."""
    parser = argparse.ArgumentParser(description=f"Stands in for {name}.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()

    async def serve() -> None:
        async with UpstreamServer(emulator, host=arguments.host, port=arguments.port, keep_requests=False) as server:
            print(server.url, flush=True)
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


async def _paced(reply: Reply) -> AsyncIterator[bytes]:
    for piece in reply.pieces:
        if reply.piece_delay_s:
            await asyncio.sleep(reply.piece_delay_s)
        yield piece


def _abort(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Close with RST: linger 0 makes the kernel send it instead of FIN."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return response
