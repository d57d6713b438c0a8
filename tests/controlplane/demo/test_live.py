import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from controlplane.demo.keys_file import LiveKey
from controlplane.demo.live import LiveRefused, send

KEYS = [
    LiveKey("northwind-bank", "Adviser desktop", "adviser-assistant", "bw_one", 1.0),
    LiveKey("orbit-travel", "Concierge pilot", "concierge", "bw_two", 0.0),
]


@asynccontextmanager
async def gateway(received: list[bytes]) -> AsyncIterator[str]:
    """Answers everything, one request a connection, and keeps what it was sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"content-length" in line.lower()), 0
        )
        received.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_calls_are_sent_with_the_tenants_keys_to_the_sandbox_and_counted():
    received: list[bytes] = []
    async with gateway(received) as url:
        statuses = await send(url, KEYS, 500, lambda _: None, calls=20)
    assert statuses == {200: 20}
    calls = [request for request in received if request.startswith(b"POST /v1/chat/completions")]
    assert len(calls) == 20
    assert all(b"bearer bw_one" in call.lower() and b'"sandbox/' in call for call in calls)


async def test_without_a_gateway_nothing_is_sent():
    async with gateway([]) as url:
        pass
    with pytest.raises(LiveRefused, match="No gateway answers"):
        await send(url, KEYS, 1, lambda _: None, calls=1)
