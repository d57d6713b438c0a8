"""Clients that send a byte now and then, and clients that leave in the middle."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import aiohttp
import pytest

from tests.business import business
from tests.stack.conftest import Upstreams
from tests.stack.installation import BODY_TIMEOUT_S, KEY, ROUTE, Installation, eventually
from tests.stack.load import Load
from tests.upstreams.server import SlowPieces

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

HEADER_TIMEOUT_S = 10.0
"""What the web server is started with."""
DRIBBLERS = 40

REQUEST_LINE = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
UNFINISHED_BODY = (
    REQUEST_LINE + f"authorization: Bearer {KEY}\r\n".encode() + b"content-type: application/json\r\n"
    b"content-length: 100000\r\n\r\n"
)


async def test_clients_that_dribble_are_cut_and_hold_up_nobody(
    installation: Installation, upstreams: Upstreams
) -> None:
    async with Load(installation.root, rate=30) as load:
        headers = [_dribble(installation, REQUEST_LINE, b"x-a: b\r\n") for _ in range(DRIBBLERS)]
        bodies = [_dribble(installation, UNFINISHED_BODY, b" ") for _ in range(DRIBBLERS)]
        cut = await asyncio.gather(*headers, *bodies)
    for held_s, _answer in cut[:DRIBBLERS]:
        assert held_s < HEADER_TIMEOUT_S + 3 * business()
    for held_s, answer in cut[DRIBBLERS:]:
        assert held_s < BODY_TIMEOUT_S + 3 * business()
        assert answer.startswith(b"HTTP/1.1 408"), answer[:200]
        assert b'"retryable":' in answer
    assert load.failed == []
    slowest_s = max(call.took_s for call in load.calls)
    print(f"{len(load.calls)} calls beside {2 * DRIBBLERS} dribbling clients, slowest {slowest_s * 1000:.0f} ms")
    # A call may meet a pause of the machine; one that waited for a dribbling client took far longer.
    assert slowest_s < HEADER_TIMEOUT_S / 2


async def _dribble(installation: Installation, head: bytes, drop: bytes) -> tuple[float, bytes]:
    """Send ``head``, then a ``drop`` twice a second until the server has had enough; how long, and what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.up.port)
    began = time.monotonic()
    answer = asyncio.create_task(reader.read(65536))
    writer.write(head)
    with suppress(ConnectionError):
        while not (await asyncio.wait({answer}, timeout=0.5))[0] and time.monotonic() - began < 30:
            writer.write(drop)
            await writer.drain()
    writer.close()
    try:
        return time.monotonic() - began, await asyncio.wait_for(answer, 1)
    except (TimeoutError, ConnectionError):
        return time.monotonic() - began, b""


async def test_a_client_that_leaves_ends_its_call_upstream(installation: Installation, upstreams: Upstreams) -> None:
    upstreams[0].fail(SlowPieces(delay_s=0.3))
    body = {"model": ROUTE, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    async with (
        aiohttp.ClientSession(headers={"authorization": f"Bearer {KEY}"}) as session,
        session.post(f"{installation.root}/v1/chat/completions", json=body) as response,
    ):
        assert response.status == 200
        correlation_id = response.headers["x-correlation-id"]
        await response.content.readline()
        response.close()
    (seen,) = upstreams[0].requests
    await upstreams[0].until(lambda server: seen.disconnected, timeout_s=3)

    def ended() -> list[tuple[object, ...]]:
        return installation.sql(
            "SELECT event_type, payload->>'error_code' FROM events_event WHERE correlation_id = %s"
            " AND event_type IN ('llm.request.completed', 'llm.request.failed')",
            correlation_id,
        )

    assert await eventually(ended, "the call has ended", 10) == [("llm.request.failed", "CLIENT_DISCONNECTED")]
