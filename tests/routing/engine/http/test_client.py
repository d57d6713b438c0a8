"""What the client makes of every shape of response, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from pathlib import Path

import pytest

from contracts.errors import ProviderBadResponse, ProviderUnavailable
from contracts.ports import UpstreamRequest
from routing.engine.http import pool as pools
from routing.engine.http.client import AsyncioUpstream
from routing.engine.http.stream import HIGH_WATER_BYTES
from tests.routing.engine.http.scripted_server import ScriptedServer, answering, closing_after, read_request
from tests.routing.engine.http.test_faults import certificate

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def idle(upstream: AsyncioUpstream) -> int:
    return sum(len(pool) for pool in upstream._pools.values())


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)


async def both(upstream: AsyncioUpstream, request: UpstreamRequest) -> tuple[int, bytes]:
    """Status and body, checked to be the same sent whole and streamed."""
    whole = await upstream.send(request)
    async with await upstream.open(request) as response:
        body = b"".join([piece async for piece in response])
    assert (whole.status, whole.headers, whole.body) == (response.status, response.headers, body)
    return whole.status, whole.body


@pytest.mark.parametrize(
    ("answer", "body", "kept"),
    [
        (OK, b"ok", True),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nx-t: 1\r\n\r\n",
            b"ok",
            True,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nx: 1\r\n\r\n" + OK, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok", b"ok", True),
    ],
)
async def test_every_framing_is_read_and_the_connection_kept_when_it_may_be(
    upstream: AsyncioUpstream, answer: bytes, body: bytes, kept: bool
):
    async with ScriptedServer(answering(answer)) as server:
        assert (await both(upstream, server.request()))[1] == body
        assert (idle(upstream), server.connections) == ((1, 1) if kept else (0, 2))


async def test_interim_headers_are_not_taken_for_the_answers(upstream: AsyncioUpstream):
    async with ScriptedServer(answering(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK)) as server:
        assert (await upstream.send(server.request())).headers == {"content-length": "2"}


async def test_a_body_without_length_ends_with_the_connection(upstream: AsyncioUpstream):
    async with ScriptedServer(closing_after(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)) as server:
        assert await both(upstream, server.request()) == (200, b"x" * 100_000)


async def test_the_answer_to_head_has_no_body_whatever_its_length_says(upstream: AsyncioUpstream):
    async with ScriptedServer(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")) as server:
        assert await both(upstream, server.request("HEAD", b"")) == (200, b"")


@pytest.mark.parametrize("body", [b"", b"HTTP/1.1 2"])
async def test_a_switch_of_protocols_is_a_bad_response(upstream: AsyncioUpstream, body: bytes):
    answer = b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + body
    async with ScriptedServer(answering(answer)) as server:
        with pytest.raises(ProviderBadResponse):
            await upstream.send(server.request())


async def test_equal_headers_are_joined_and_names_are_lower_case(upstream: AsyncioUpstream):
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2 \r\nContent-Length: 0\r\n\r\n"
    async with ScriptedServer(answering(answer)) as server:
        response = await upstream.send(server.request())
    assert response.headers == {"set-cookie": "a=1, b=2", "content-length": "0"}


@pytest.mark.parametrize("count", [1, 1000])
async def test_a_head_over_the_limit_is_a_bad_response(upstream: AsyncioUpstream, count: int):
    line = b"x-long: " + b"x" * (70_000 // count) + b"\r\n"
    async with ScriptedServer(answering(b"HTTP/1.1 200 OK\r\n" + line * count + b"\r\n")) as server:
        with pytest.raises(ProviderBadResponse):
            await upstream.send(server.request())


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\n", b"H", b"garbage", OK])
async def test_bytes_after_the_answer_spoil_the_connection_only(upstream: AsyncioUpstream, stray: bytes):
    async with ScriptedServer(answering(OK + stray)) as server:
        for _ in range(3):
            assert (await upstream.send(server.request())).body == b"ok"
            assert idle(upstream) == 0


async def test_bytes_on_an_idle_connection_close_it(upstream: AsyncioUpstream):
    late = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await late.wait()
        writer.write(OK)
        await reader.read()

    async with ScriptedServer(handle) as server:
        await upstream.send(server.request())
        assert idle(upstream) == 1
        late.set()
        await until(lambda: idle(upstream) == 0)


async def test_an_idle_connection_closed_by_the_server_leaves_the_pool(upstream: AsyncioUpstream):
    async with ScriptedServer(closing_after(OK)) as server:
        await upstream.send(server.request())
        await until(lambda: idle(upstream) == 0)


async def test_idle_connections_are_dropped_after_a_while(upstream: AsyncioUpstream, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools, "IDLE_S", 0.05)
    async with ScriptedServer(answering(OK)) as server:
        await asyncio.gather(*(upstream.send(server.request()) for _ in range(3)))
        assert idle(upstream) == 3
        await until(lambda: idle(upstream) == 0)
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_no_more_than_the_limit_is_kept(upstream: AsyncioUpstream, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools, "MAX_IDLE", 2)
    async with ScriptedServer(answering(OK)) as server:
        await asyncio.gather(*(upstream.send(server.request()) for _ in range(5)))
        assert idle(upstream) == 2


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def count_requests(upstream: AsyncioUpstream, fates: list[str], calls: int) -> list[int]:
    """On which connection each request arrived, when requests meet ``fates`` in turn."""
    seen: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = server.connections
        while True:
            await read_request(reader)
            seen.append(number)
            fate = fates[len(seen) - 1]
            if fate == "reset":
                reset(writer)
            if fate == "part":
                writer.write(b"HTTP/1.1 200")
            if fate != "ok":
                return
            writer.write(OK)

    async with ScriptedServer(handle) as server:
        for _ in range(calls):
            try:
                await upstream.send(server.request())
            except (ProviderUnavailable, ProviderBadResponse):
                seen.append(-1)
    return seen


async def test_a_request_is_sent_again_when_a_used_connection_breaks(upstream: AsyncioUpstream):
    assert await count_requests(upstream, ["ok", "close", "ok"], 2) == [1, 1, 2]


async def test_a_request_is_sent_again_when_a_used_connection_is_reset(upstream: AsyncioUpstream):
    assert await count_requests(upstream, ["ok", "reset", "ok"], 2) == [1, 1, 2]


async def test_a_request_is_not_sent_again_when_a_fresh_connection_breaks(upstream: AsyncioUpstream):
    assert await count_requests(upstream, ["close", "-"], 1) == [1, -1]


async def test_a_request_is_sent_again_only_once(upstream: AsyncioUpstream):
    assert await count_requests(upstream, ["ok", "close", "close"], 2) == [1, 1, 2, -1]


async def test_a_request_is_not_sent_again_once_an_answer_has_begun(upstream: AsyncioUpstream):
    assert await count_requests(upstream, ["ok", "part"], 2) == [1, 1, -1]


async def test_a_request_is_not_sent_again_when_it_broke_late(
    upstream: AsyncioUpstream, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("routing.engine.http.connection.RACE_S", -1.0)
    assert await count_requests(upstream, ["ok", "close"], 2) == [1, 1, -1]


async def test_an_answer_before_the_request_was_read_is_delivered_and_the_connection_closed(upstream: AsyncioUpstream):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await server.closed_by_peer.wait()

    async with ScriptedServer(handle) as server:
        response = await upstream.send(server.request(body=b"x" * 32_000_000))
        assert (response.status, response.body, idle(upstream)) == (413, b"big", 0)
        server.closed_by_peer.set()


async def test_a_slow_reader_holds_the_server_back(upstream: AsyncioUpstream):
    block = b"x" * 65536
    sent = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(block) * 1000))
        for _ in range(1000):
            writer.write(block)
            await writer.drain()
            sent += len(block)
        await reader.read()

    async with ScriptedServer(handle) as server:
        async with await upstream.open(server.request()) as response:
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < len(block) * 1000
            assert response._held < HIGH_WATER_BYTES * 3
            assert sum([len(piece) async for piece in response]) == len(block) * 1000
        assert idle(upstream) == 1


async def test_a_connection_freed_while_paused_reads_again(upstream: AsyncioUpstream):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (HIGH_WATER_BYTES + 1) + b"x" * (HIGH_WATER_BYTES + 1)
    async with ScriptedServer(answering(answer, OK)) as server:
        first = await upstream.open(server.request())
        await until(lambda: idle(upstream) == 1)
        assert (await upstream.send(server.request())).body == b"ok"
        assert sum([len(piece) async for piece in first]) == HIGH_WATER_BYTES + 1
        assert server.connections == 1


HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf"


def hanging(answer: bytes):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await reader.readexactly(1)

    return handle


async def test_cancelling_in_the_middle_of_a_body_closes_the_connection(upstream: AsyncioUpstream):
    async with ScriptedServer(hanging(HALF)) as server:
        response = await upstream.open(server.request())
        assert await anext(response) == b"half"
        reading = asyncio.create_task(anext(response))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)
        with pytest.raises(ProviderUnavailable):
            await anext(response)
        assert idle(upstream) == 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("turns", range(8))
async def test_a_call_cancelled_at_any_moment_leaves_only_clean_connections(
    upstream: AsyncioUpstream, turns: int, streamed: bool
):
    async with ScriptedServer(answering(OK)) as server:
        for warm in (False, True):
            if warm:
                await upstream.send(server.request())
            call = (upstream.open if streamed else upstream.send)(server.request(path="/cancelled"))
            running = asyncio.ensure_future(call)
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for _ in range(3):
                assert (await upstream.send(server.request())).body == b"ok"


async def test_a_stream_that_is_dropped_closes_its_connection(upstream: AsyncioUpstream):
    async with ScriptedServer(hanging(HALF)) as server:
        response = await upstream.open(server.request())
        assert response.status == 200
        del response
        gc.collect()
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_a_stream_closed_before_its_end_is_over(upstream: AsyncioUpstream):
    async with ScriptedServer(hanging(HALF)) as server:
        response = await upstream.open(server.request())
        await response.aclose()
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_what_arrived_before_a_break_is_delivered_first(upstream: AsyncioUpstream):
    async with ScriptedServer(closing_after(HALF)) as server:
        response = await upstream.open(server.request())
        assert await anext(response) == b"half"
        with pytest.raises(ProviderBadResponse):
            await anext(response)


async def test_a_closed_client_keeps_no_connection(upstream: AsyncioUpstream):
    async with ScriptedServer(answering(OK)) as server:
        response = await upstream.open(server.request())
        await upstream.aclose()
        await upstream.aclose()
        assert b"".join([piece async for piece in response]) == b"ok"
        await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_connecting_is_limited_in_time(upstream: AsyncioUpstream):
    # A listening socket whose queue is full answers nothing.
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(ProviderUnavailable, match="too long"):
            await upstream.send(UpstreamRequest("GET", url, (), b"", connect_timeout_ms=100))


async def test_calls_with_different_connect_timeouts_share_connections(upstream: AsyncioUpstream):
    async with ScriptedServer(answering(OK)) as server:
        request = server.request()
        for timeout_ms in (200, 5000, 200):
            given = UpstreamRequest("POST", request.url, (), b"", connect_timeout_ms=timeout_ms)
            assert (await upstream.send(given)).status == 200
        assert server.connections == 1


async def test_an_ipv6_address_can_be_reached(upstream: AsyncioUpstream):
    hosts = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hosts.append((await read_request(reader))[1]["host"])
        writer.write(OK)

    try:
        async with ScriptedServer(handle, host="::1") as server:
            assert (await upstream.send(server.request())).body == b"ok"
            assert hosts == [f"[::1]:{server.port}"]
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_a_name_is_resolved_and_tried_at_each_of_its_addresses(upstream: AsyncioUpstream):
    async with ScriptedServer(answering(OK)) as server:  # on 127.0.0.1 only; localhost may be ::1 first
        url = f"http://localhost:{server.port}/"
        assert (await upstream.send(UpstreamRequest("GET", url, (), b""))).body == b"ok"


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path):
    pem, context = certificate(tmp_path)
    upstream = AsyncioUpstream(ca_certificates=pem)
    async with ScriptedServer(answering(OK), context=context) as server:
        assert (await both(upstream, server.request())) == (200, b"ok")
        assert idle(upstream) == 1
        url = f"https://localhost:{server.port}/"
        with pytest.raises(ProviderUnavailable, match="certificate"):
            await upstream.send(UpstreamRequest("GET", url, (), b""))
    await upstream.aclose()


async def test_a_server_without_tls_is_unavailable_over_https(upstream: AsyncioUpstream):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with ScriptedServer(handle) as server:
        with pytest.raises(ProviderUnavailable, match="could not be reached"):
            await upstream.send(UpstreamRequest("GET", f"https://127.0.0.1:{server.port}/", (), b""))


async def test_a_client_used_from_another_loop_opens_connections_of_its_own():
    upstream = AsyncioUpstream()

    async def call() -> int:
        async with ScriptedServer(answering(OK)) as server:
            response = await upstream.send(server.request())
            await upstream.aclose()
            return response.status

    assert await call() == 200
    assert await asyncio.to_thread(asyncio.run, call()) == 200
