"""The lane's way past ASGI's messages: the same bytes, and nothing lost on the ways around it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from gateway.lane import DIRECT
from tests.served import served

HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
REQUEST = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc"


async def read(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)
    writer.write(b"no http\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def without_date(answer: bytes) -> bytes:
    return b"\r\n".join(line for line in answer.split(b"\r\n") if not line.startswith((b"date:", b"x-corr", b"{")))


async def by_messages(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"hello"})


async def direct(scope: Any, receive: Any, send: Any) -> None:
    found = scope["extensions"][DIRECT]
    assert found.whole_body() == b"abc"
    assert found.answer(200, HEADERS, b"hello")


@pytest.mark.parametrize(
    "requests", [(REQUEST,), (REQUEST, REQUEST), (REQUEST + REQUEST,), (REQUEST.replace(b"1.1", b"1.0"),)]
)
async def test_the_bytes_are_those_of_messages(requests: tuple[bytes, ...]) -> None:
    async with served(by_messages) as slow, served(direct) as fast:
        expected = without_date(await read(slow, *requests))
        assert expected.count(b"hello") == sum(request.count(b"POST") for request in requests)
        assert without_date(await read(fast, *requests)) == expected


async def test_a_body_that_is_not_all_here_has_to_be_received() -> None:
    seen: list[bytes | None] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["extensions"][DIRECT].whole_body())
        body = b""
        while len(body) < 3:
            body += (await receive())["body"]
        seen.append(body)
        scope["extensions"][DIRECT].answer(200, HEADERS, b"hello")

    async with served(application) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST[:-2])
        await asyncio.sleep(0.05)
        writer.write(b"bc")
        assert b"200 OK" in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert seen == [None, b"abc"]


async def test_an_answer_can_close_the_connection() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][DIRECT].answer(200, [*HEADERS, (b"connection", b"close")], b"hello")

    async with served(application) as port:
        answer = await read(port, REQUEST)
    assert answer.endswith(b"connection: close\r\n\r\nhello")
    assert answer.count(b"connection: close") == 1


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
async def test_a_header_with_a_line_break_is_an_error(value: bytes) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][DIRECT].answer(200, [*HEADERS, (b"x-a", value)], b"hello")

    async with served(application) as port:
        answer = await read(port, REQUEST)
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"x-a" not in answer


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    answers: list[bool] = []
    full = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"1000000")]
        answers.append(scope["extensions"][DIRECT].answer(200, headers, b"x" * 1_000_000))
        if not answers[-1]:
            full.set()
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"x" * 1_000_000})

    async with served(application) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(REQUEST * 20)
            await asyncio.wait_for(full.wait(), 10)
            await asyncio.sleep(0.3)
            stuck = len(answers)
            assert answers[-1] is False
            received = await asyncio.to_thread(_count, client, b"HTTP/1.1 200", 20)
    assert stuck < 20
    assert received == len(answers) == 20


def _count(client: socket.socket, word: bytes, enough: int) -> int:
    client.settimeout(10)
    received = b""
    while received.count(word) < enough or len(received) < enough * 1_000_000:
        received += client.recv(1 << 20)
    return received.count(word)
