"""The hot door: a bare ASGI application in front of Django's.

It reads the request, hands it to :class:`gateway.endpoints.Endpoints`, writes the answer, and cancels the call when
the client leaves. Everything that is not an endpoint of the data plane goes to the application behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

from contracts.addresses import client_address
from contracts.errors import GatewayError, InvalidRequest, RequestTimeout
from contracts.ports import Clock
from contracts.time_limit import TimeLimit
from gateway.endpoints import Endpoint, Endpoints, check_head, refuse, serve, too_large
from gateway.exchange import Answer, GatewayRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

WATCH_AFTER_S = 0.05
"""A call younger than this is not watched for its client's leaving: the fast ones never pay for the watching."""

CLOSE = (b"connection", b"close")

DIRECT = "breakwater.direct"
"""The ASGI extension that our web server offers (controlplane.web.direct); others serve the lane without it."""


class DirectExchange(Protocol):
    """What the extension can do."""

    def whole_body(self) -> bytes | None:
        """The request's body, if all of it is here."""

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write a whole answer; False when that has to wait."""


class Lane:
    """The data plane as an ASGI application; ``endpoints`` is asked for late, when the worker has started."""

    def __init__(
        self,
        behind: AsgiApplication,
        endpoints: Callable[[], Endpoints],
        *,
        clock: Clock,
        max_body_bytes: int,
        body_timeout_s: float,
        trusted_proxies: tuple[str, ...] = (),
    ) -> None:
        self._behind = behind
        self._endpoints = endpoints
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        found = self._endpoints().find(scope["path"], scope["method"])
        if found is None:
            await self._behind(scope, receive, send)
            return
        endpoint, argument = found
        try:
            request = await self._read(scope, receive, endpoint)
        except GatewayError as error:
            # What is left of the body is not read: the connection cannot be used again.
            answer = refuse(error, endpoint)
            answer.headers.append(CLOSE)
            await _send_whole(send, answer, head_only=scope["method"] == "HEAD", direct=_direct(scope))
            return
        await _Exchange(request, receive, send, _direct(scope)).run(endpoint, argument)

    async def _read(self, scope: Scope, receive: Receive, endpoint: Endpoint) -> GatewayRequest:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        check_head(endpoint, scope["method"], headers)
        body = await self._body(scope, receive, headers) if endpoint.method == "POST" else b""
        peer = scope["client"][0] if scope.get("client") else ""
        return GatewayRequest(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            client_ip=client_address(peer, headers, self._trusted_proxies) if self._trusted_proxies else peer,
            body=body,
            received_at=self._clock.monotonic(),
        )

    async def _body(self, scope: Scope, receive: Receive, headers: dict[str, str]) -> bytes:
        declared = headers.get("content-length")
        if declared is not None:
            if not (declared.isascii() and declared.isdigit()):
                raise InvalidRequest("'Content-Length' is not a number.")
            if int(declared) > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
            direct = _direct(scope)
            if direct is not None and (whole := direct.whole_body()) is not None:
                return whole
        try:
            with TimeLimit(self._body_timeout_s):
                return await self._collect(receive)
        except TimeoutError:
            raise RequestTimeout(f"The body did not arrive within {self._body_timeout_s:g} s.") from None

    async def _collect(self, receive: Receive) -> bytes:
        message = await receive()
        _check_there(message)
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if len(body) > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
            return body
        pieces = [body]
        size = len(body)
        while message.get("more_body"):
            message = await receive()
            _check_there(message)
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
        return b"".join(pieces)


def _check_there(message: Message) -> None:
    # Also what servers say when the body's framing is broken and the client still listens: it is answered.
    if message["type"] == "http.disconnect":
        raise InvalidRequest("The body ended before it was complete.")


class _Exchange:
    """One request being answered, and the watch on its client."""

    __slots__ = ("_direct", "_gone", "_receive", "_request", "_send", "_serving", "_watch")

    def __init__(self, request: GatewayRequest, receive: Receive, send: Send, direct: DirectExchange | None) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._direct = direct
        self._serving: asyncio.Task[Any] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._gone = False

    async def run(self, endpoint: Endpoint, argument: str) -> None:
        self._serving = asyncio.current_task()
        timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._start_watch)
        try:
            answer = await serve(endpoint, argument, self._request)
            if answer.stream is None:
                timer.cancel()
                head_only = self._request.method == "HEAD"
                await _send_whole(self._send, answer, head_only=head_only, direct=self._direct)
            else:
                await _send_stream(self._send, answer, answer.stream)
        except asyncio.CancelledError:
            if not self._gone or self._serving is None:
                raise
            self._serving.uncancel()
        finally:
            timer.cancel()
            if self._watch is not None:
                self._watch.cancel()

    def _start_watch(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._wait_for_disconnect())

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._serving is not None:
            self._serving.cancel()


def _direct(scope: Scope) -> DirectExchange | None:
    extensions = scope.get("extensions")
    return extensions.get(DIRECT) if extensions else None


async def _send_whole(send: Send, answer: Answer, *, head_only: bool, direct: DirectExchange | None) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    body = b"" if head_only else answer.body
    if direct is not None and direct.answer(answer.status, headers, body):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_stream(send: Send, answer: Answer, stream: AsyncGenerator[bytes, None]) -> None:
    started = False
    try:
        async for piece in stream:
            if not started:
                started = True
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        await stream.aclose()
