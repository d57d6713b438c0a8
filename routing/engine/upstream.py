"""The HTTP client behind :class:`contracts.ports.Upstream`: pyqwest (reqwest and hyper in Rust).

Chosen over aiohttp because it costs less: pinned to one core with a zero-latency upstream, 4,475 against 3,370
requests a second, and 402 against 460 µs for a single call. Reading a whole answer through ``Client.execute``
costs about half of iterating over it, so :meth:`PyqwestUpstream.send` does the former.

Held by tests against a server that misbehaves: cancelling a call (also by timeout, also in the middle of a body)
closes its connection; refused, reset and silently closed connections, garbage, heads over hyper's limit, bodies
short of their length and unfinished chunked bodies each raise what the port says; a pooled connection that the
server has closed while it was idle is not used. HTTP/1.1 only: over HTTP/2 all calls to a provider would share
one TCP connection, and with it one lost packet or one GOAWAY. Proxies from the environment are not used,
redirects are not followed (the credential would follow them).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

import certifi
import pyqwest

from contracts.errors import ProviderBadResponse, ProviderError, ProviderUnavailable
from contracts.ports import Upstream, UpstreamRequest, UpstreamResponse, UpstreamStream

_T = TypeVar("_T")

_IDLE_S = 50.0
"""Idle connections are dropped before the 60 s after which common load balancers drop them."""

_IDLE_PER_HOST = 512
"""pyqwest's default of 2 would open a connection for nearly every call under load."""

_RACE_S = 1.0
"""A connection that breaks this soon after the request was written is taken for one that the server was closing."""

_NEVER_PROXIED = "*,0.0.0.0/0,::/0"
"""Every name and every address. Without a proxy rule of its own, reqwest reads HTTP_PROXY and its like."""

_CLOSED: Final = "connection closed before message completed"
_BROKEN: Final = ("reset by peer", "broken pipe", "connection abort", "not connected", "canceled")


_USUAL_CONNECT_TIMEOUT_MS: Final = UpstreamRequest("", "", (), b"").connect_timeout_ms


class _Pool(NamedTuple):
    transport: pyqwest.HTTPTransport
    client: pyqwest.Client


class PyqwestUpstream:
    """A pooled HTTP/1.1 client. Takes ``ca_certificates`` (PEM) beside the system's and Mozilla's."""

    def __init__(self, *, ca_certificates: bytes = b"", proxy: str | None = None) -> None:
        with open(certifi.where(), "rb") as bundle:
            self._ca_certificates = bundle.read() + ca_certificates
        self._proxy = pyqwest.Proxy(proxy) if proxy else pyqwest.Proxy("http://127.0.0.1:9", no_proxy=_NEVER_PROXIED)
        self._pools: dict[int, _Pool] = {}
        self._make_pool(_USUAL_CONNECT_TIMEOUT_MS)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The whole response, whatever its status; it is held in memory whole.

        Raises:
            ProviderUnavailable: refused, reset or closed connection, DNS or TLS failure.
            ProviderBadResponse: not HTTP, or short of its declared length.
        """
        client = (await self._pool(request.connect_timeout_ms)).client

        async def execute() -> pyqwest.FullResponse:
            return await client.execute(request.method, request.url, request.headers, request.body)

        response = await _resending(execute)
        return UpstreamResponse(response.status, dict(response.headers.items()), response.content)

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        """The response as soon as its head is here; the caller closes it.

        Raises:
            ProviderUnavailable: refused, reset or closed connection, DNS or TLS failure.
            ProviderBadResponse: not HTTP.
        """
        transport = (await self._pool(request.connect_timeout_ms)).transport

        async def execute() -> pyqwest.Response:
            return await transport.execute(
                pyqwest.Request(request.method, request.url, pyqwest.Headers(request.headers), request.body)
            )

        return PyqwestStream(await _resending(execute))

    async def aclose(self) -> None:
        """Close every idle connection; safe to call twice."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.transport.aclose()

    async def _pool(self, connect_timeout_ms: int) -> _Pool:
        pool = self._pools.get(connect_timeout_ms)
        if pool is None:
            pool = await asyncio.to_thread(self._make_pool, connect_timeout_ms)
        return pool

    def _make_pool(self, connect_timeout_ms: int) -> _Pool:
        """One pool for each connect timeout in use: pyqwest has it on the transport, not on the request.

        Reading the certificates takes about 60 ms, hence the thread, and the usual pool made at the start.
        """
        transport = pyqwest.HTTPTransport(
            tls_ca_cert=self._ca_certificates,
            tls_include_system_certs=True,
            http_version=pyqwest.HTTPVersion.HTTP1,
            proxy=self._proxy,
            connect_timeout=connect_timeout_ms / 1000,
            pool_idle_timeout=_IDLE_S,
            pool_max_idle_per_host=_IDLE_PER_HOST,
            use_system_dns=True,
            follow_redirects=False,
            enable_otel=False,
        )
        return self._pools.setdefault(connect_timeout_ms, _Pool(transport, pyqwest.Client(transport)))


class PyqwestStream:
    """A response whose body is still arriving."""

    __slots__ = ("_closed", "_response", "headers", "status")

    def __init__(self, response: pyqwest.Response) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self._response = response
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.content:
                yield bytes(piece)
        except (pyqwest.RemoteProtocolError, pyqwest.ReadError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise _as_provider_error(error) from None

    async def aclose(self) -> None:
        """Close; what has not been read is not waited for. Safe to call twice."""
        if not self._closed:
            self._closed = True
            await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class SchemeUpstream:
    """Sends each request to the client of its URL's scheme: ``sandbox://`` beside HTTP."""

    def __init__(self, http: Upstream, **others: Upstream) -> None:
        self._http = http
        self._others = others

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """As :meth:`contracts.ports.Upstream.send`."""
        return await self._client(request).send(request)

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        """As :meth:`contracts.ports.Upstream.open`."""
        return await self._client(request).open(request)

    async def aclose(self) -> None:
        """Close all."""
        async with contextlib.AsyncExitStack() as stack:
            for client in (self._http, *self._others.values()):
                stack.push_async_callback(client.aclose)

    def _client(self, request: UpstreamRequest) -> Upstream:
        if request.url.startswith("http"):
            return self._http
        return self._others.get(request.url.partition("://")[0], self._http)


async def _resending(execute: Callable[[], Awaitable[_T]]) -> _T:
    """Run ``execute``, once more if its connection broke at once.

    A server may close an idle connection in the very moment in which we write to it. The request was then not
    served, but the client cannot know; sending a model call twice is harmless but for its price.
    """
    started = time.monotonic()
    try:
        return await execute()
    except _FAILURES as error:
        if not _stale(error) or time.monotonic() - started > _RACE_S:
            raise _as_provider_error(error) from None
    try:
        return await execute()
    except _FAILURES as error:
        raise _as_provider_error(error) from None


_FAILURES = (
    pyqwest.RemoteProtocolError,
    pyqwest.ReadError,
    pyqwest.WriteError,
    ConnectionError,
    ValueError,
    RuntimeError,
)


def _stale(error: Exception) -> bool:
    words = str(error).lower()
    if isinstance(error, pyqwest.ReadError) or "error reading content" in words or "(connect)" in words:
        return False
    return _CLOSED in words or any(phrase in words for phrase in _BROKEN)


def _as_provider_error(error: Exception) -> ProviderError:
    """What the caller is told. pyqwest's own words hold the URL and are left out: it may hold a credential."""
    words = str(error).lower()
    if isinstance(error, pyqwest.ConnectTimeout):
        return ProviderUnavailable("The provider could not be reached: connecting took too long.")
    if isinstance(error, ConnectionError) and "(connect)" in words:
        return ProviderUnavailable(f"The provider could not be reached: {_reason(words)}.")
    if isinstance(error, ValueError | RuntimeError):
        return ProviderUnavailable("The request to the provider cannot be built: check its base URL and headers.")
    if isinstance(error, pyqwest.WriteError | ConnectionError) or any(phrase in words for phrase in _BROKEN):
        return ProviderUnavailable("The provider broke the connection.")
    if _CLOSED in words:
        return ProviderUnavailable("The provider closed the connection without an answer.")
    if "end of file" in words or "unexpected eof" in words:
        return ProviderBadResponse("The provider's answer broke off before its end.")
    return ProviderBadResponse("The provider's answer is not valid HTTP.")


def _reason(words: str) -> str:
    for phrase, told in (
        ("refused", "connection refused"),
        ("dns", "its host name cannot be resolved"),
        ("certificate", "its certificate is not trusted"),
        ("reset by peer", "connection reset"),
        ("unreachable", "network unreachable"),
    ):
        if phrase in words:
            return told
    return "connecting failed"
