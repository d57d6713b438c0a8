"""The faults do on the wire what they say."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.upstreams.server import (
    CleanCut,
    ErrorPage,
    Garbage,
    HalfStream,
    Hang,
    RateLimited,
    Refusal,
    Reply,
    Reset,
    SeenRequest,
    SlowPieces,
    UpstreamServer,
    WrongContentType,
)


class Echo:
    """A provider with one answer."""

    def handle(self, request: SeenRequest) -> Reply:
        if request.path == "/stream":
            return Reply.events([b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n", b"data: 4\n\n"])
        return Reply.json({"path": request.path, "query": request.query, "body": request.body.decode()})

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"error": message}, status)


@pytest.fixture
async def server():
    async with UpstreamServer(Echo()) as started:
        yield started


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_request_is_answered_and_recorded(server, client):
    async with client.post(f"{server.url}/a?b=c", data=b"hi", headers={"X-Key": "k"}) as response:
        assert await response.json() == {"path": "/a", "query": {"b": "c"}, "body": "hi"}
    await server.until(lambda s: s.requests[0].answered)
    assert server.requests[0].headers["x-key"] == "k"


async def test_a_stream_arrives_whole(server, client):
    async with client.get(f"{server.url}/stream") as response:
        assert response.content_type == "text/event-stream"
        assert await response.read() == b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n"


async def test_a_reset_breaks_the_connection(server, client):
    server.fail(Reset())
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(server.url)


@pytest.mark.parametrize("path", ["/stream", "/whole"])
async def test_half_a_stream_ends_in_a_broken_transfer(server, client, path):
    server.fail(HalfStream())
    async with client.get(f"{server.url}{path}") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_clean_cut_ends_early_without_an_error(server, client):
    server.fail(CleanCut(pieces=1))
    async with client.get(f"{server.url}/stream") as response:
        assert await response.read() == b"data: 1\n\n"


async def test_a_hang_lasts_until_the_client_leaves(server, client):
    server.fail(Hang())
    call = asyncio.ensure_future(client.get(server.url))
    await server.until(lambda s: len(s.requests) == 1)
    call.cancel()
    await server.until(lambda s: s.requests[0].disconnected)
    assert call.cancelled() or call.cancelling()


async def test_a_hang_may_begin_in_the_middle_of_a_stream(server, client):
    server.fail(Hang(pieces=1))
    async with client.get(f"{server.url}/stream") as response:
        assert await response.content.readexactly(9) == b"data: 1\n\n"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await response.content.readany()


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        (Garbage(), 200, "application/json"),
        (RateLimited(), 429, "application/json"),
        (Refusal(500), 500, "application/json"),
        (ErrorPage(), 502, "text/html"),
        (WrongContentType(), 200, "text/html"),
    ],
)
async def test_a_fault_changes_the_answer_once(server, client, fault, status, content_type):
    server.fail(fault)
    async with client.get(server.url) as response:
        assert (response.status, response.content_type) == (status, content_type)
    async with client.get(server.url) as response:
        assert (response.status, response.content_type) == (200, "application/json")


async def test_retry_headers_are_sent(server, client):
    server.fail(RateLimited(retry_after="3", x_ratelimit_reset_tokens="20ms"))
    async with client.get(server.url) as response:
        assert response.headers["Retry-After"] == "3"
        assert response.headers["X-Ratelimit-Reset-Tokens"] == "20ms"


async def test_slow_pieces_are_cut_as_asked(server, client):
    server.fail(SlowPieces(delay_s=0.0, split=5))
    async with client.get(f"{server.url}/stream") as response:
        assert await response.read() == b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n"


async def test_a_lasting_fault_holds_until_it_is_healed(server, client):
    server.succeed(1)
    server.fail(Refusal(503), times=None)
    statuses = [(await client.get(server.url)).status for _ in range(3)]
    server.heal()
    statuses.append((await client.get(server.url)).status)
    assert statuses == [200, 503, 503, 200]
