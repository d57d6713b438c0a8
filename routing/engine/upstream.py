"""Chooses the client of a request by the scheme of its URL."""

from __future__ import annotations

import contextlib

from contracts.ports import Upstream, UpstreamRequest, UpstreamResponse, UpstreamStream


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
