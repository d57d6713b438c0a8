"""Which client a request goes to."""

from __future__ import annotations

from contracts.ports import UpstreamRequest, UpstreamResponse, UpstreamStream
from routing.engine.http.client import AsyncioUpstream
from routing.engine.upstream import SchemeUpstream
from tests.routing.engine.fault_server import FaultServer


class RememberingUpstream:
    def __init__(self) -> None:
        self.requests: list[UpstreamRequest] = []
        self.closed = False

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.requests.append(request)
        return UpstreamResponse(200, {}, b"")

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.closed = True


async def test_the_scheme_of_the_url_chooses_the_client():
    sandbox = RememberingUpstream()
    both = SchemeUpstream(AsyncioUpstream(), sandbox=sandbox)
    await both.send(UpstreamRequest("POST", "sandbox://echo/v1", (), b""))
    async with FaultServer() as server:
        assert (await both.send(server.request("ok"))).status == 200
    assert [request.url for request in sandbox.requests] == ["sandbox://echo/v1"]
    await both.aclose()
    assert sandbox.closed
