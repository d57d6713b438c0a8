"""What a client may do before it has made a request, and what it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from controlplane.web import connection
from tests.served import served

HEAD = b"POST /echo HTTP/1.1\r\nhost: localhost\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"
PLAIN = HEAD + b"content-length: 5\r\n\r\nhello"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body; ``/slow`` begins an answer and never ends it."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    if scope["path"] == "/slow":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(echo) as found:
        yield found


async def until_closed(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send the pieces and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def error_in(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    error = msgspec.json.decode(body)["error"]
    assert f"x-correlation-id: {error['correlation_id']}".encode() in head
    assert b"connection: close" in head
    return int(head.split()[1]), error["code"]


@pytest.mark.parametrize("began", [b"", b"POST /ec", HEAD])
async def test_a_head_that_does_not_come_ends_the_connection(
    port: int, monkeypatch: pytest.MonkeyPatch, began: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.1)
    assert await until_closed(port, began) == b""


async def test_the_time_for_a_head_begins_anew_with_each_request(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.3)
    answers = await until_closed(port, PLAIN, PLAIN, HEAD, pause_s=0.2)
    assert answers.count(b"200 OK") == 2


async def test_a_head_without_end_is_refused(port: int) -> None:
    answer = await until_closed(port, HEAD, *[b"x-fill: " + b"y" * 16_000 + b"\r\n"] * 5, pause_s=0.01)
    assert error_in(answer) == (431, "HEADERS_TOO_LARGE")


async def test_too_many_headers_are_refused(port: int) -> None:
    answer = await until_closed(port, HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(300)) + b"\r\n")
    assert error_in(answer) == (431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize(
    "sent", [b"CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00"]
)
async def test_what_is_not_for_us_is_refused(port: int, sent: bytes) -> None:
    assert error_in(await until_closed(port, sent)) == (400, "INVALID_REQUEST")


async def test_garbage_in_the_middle_of_an_answer_only_closes(port: int) -> None:
    slow = b"POST /slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
    with contextlib.suppress(ConnectionResetError):
        answer = await until_closed(port, slow, b"\x00garbage\r\n\r\n", pause_s=0.1)
        assert b"INVALID_REQUEST" not in answer


async def test_beyond_the_limit_of_connections_clients_are_asked_to_come_back(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reader, first = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.05)
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    answer = await until_closed(port)
    assert error_in(answer) == (503, "SERVICE_UNAVAILABLE")
    assert b"retry-after: 1\r\n" in answer
    first.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + H2C + b"content-length: 5\r\n\r\nhello",),
        (HEAD + H2C + b"content-length: 5\r\n\r\n", b"hello"),
        (HEAD + H2C + b"content-length: 5\r\n\r\nhel", b"lo"),
        (HEAD + H2C + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",),
    ],
    ids=["whole", "body later", "body in halves", "chunked"],
)
async def test_an_offer_of_http_2_is_served_in_http_1(port: int, pieces: tuple[bytes, ...]) -> None:
    # Twice: what was parsed anew must leave the connection fit for the next request.
    answers = await until_closed(port, *pieces, *pieces, b"not http\r\n\r\n", pause_s=0.02)
    assert answers.count(b"200 OK") == 2
    assert answers.count(b"hello") == 2


async def test_a_websocket_needs_a_get(port: int) -> None:
    upgrade = HEAD + b"connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 5\r\n\r\nhello"
    assert b"hello" in await until_closed(port, upgrade, b"not http\r\n\r\n", pause_s=0.02)
