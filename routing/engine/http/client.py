"""The pooled client: :class:`contracts.ports.Upstream` over :mod:`routing.engine.http`'s connections."""

from __future__ import annotations

import asyncio
import functools
from typing import cast

from contracts.ports import UpstreamRequest, UpstreamResponse
from routing.engine.http.connection import Connection, ConnectionRaced
from routing.engine.http.dial import dial, trusting
from routing.engine.http.pool import Pool
from routing.engine.http.request_head import Address, RequestWriter
from routing.engine.http.stream import HttpStream


class AsyncioUpstream:
    """A pooled HTTP/1.1 client. Takes ``ca_certificates`` (PEM) beside the system's and Mozilla's."""

    def __init__(self, *, ca_certificates: bytes = b"") -> None:
        self._context = trusting(ca_certificates)
        self._writer = RequestWriter()
        self._pools: dict[Address, Pool] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The whole response, whatever its status; it is held in memory whole.

        Raises:
            ProviderUnavailable: refused, reset or closed connection, DNS or TLS failure.
            ProviderBadResponse: not HTTP, or short of its declared length.
        """
        return cast("UpstreamResponse", await self._exchange(request, streamed=False))

    async def open(self, request: UpstreamRequest) -> HttpStream:
        """The response as soon as its head is here; the caller closes it.

        Raises:
            ProviderUnavailable: refused, reset or closed connection, DNS or TLS failure.
            ProviderBadResponse: not HTTP.
        """
        return cast("HttpStream", await self._exchange(request, streamed=True))

    async def aclose(self) -> None:
        """Close every idle connection, and those in use when their exchange ends; safe to call twice."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()
        # asyncio closes a socket in the turn after its transport.
        await asyncio.sleep(0)

    async def _exchange(self, request: UpstreamRequest, *, streamed: bool) -> UpstreamResponse | HttpStream:
        data = self._writer.encode(request.method, request.url, request.headers, request.body)
        address = self._writer.address(request.url)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Connections belong to a loop; those of another are of no use here.
            self._loop, self._pools = loop, {}
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = Pool()
        head_only = request.method == "HEAD"
        connection = pool.take()
        if connection is not None:
            try:
                return await _answer(connection, data, head_only, streamed)
            except ConnectionRaced:
                # The server closed an idle connection in the very moment in which we wrote to it. The request was
                # then not served, but the client cannot know; sending a model call twice is harmless but for its
                # price. The others in the pool may be as dead, hence a fresh one.
                connection = None
        connection = await self._dial(loop, address, pool, request)
        return await _answer(connection, data, head_only, streamed)

    async def _dial(
        self, loop: asyncio.AbstractEventLoop, address: Address, pool: Pool, request: UpstreamRequest
    ) -> Connection:
        make = functools.partial(Connection, loop, pool.free, pool.forget)
        return await dial(address, make, self._context, request.connect_timeout_ms)


async def _answer(
    connection: Connection, request: bytes, head_only: bool, streamed: bool
) -> UpstreamResponse | HttpStream:
    waiter = connection.start(request, head_only=head_only, streamed=streamed)
    try:
        return cast("UpstreamResponse | HttpStream", await waiter)
    except asyncio.CancelledError:
        connection.abandon(waiter)
        raise
