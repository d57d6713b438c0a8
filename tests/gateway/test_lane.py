"""The lane, driven as an ASGI server would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import msgspec
import pytest

from contracts.clock import SystemClock
from contracts.errors import MethodNotAllowed
from gateway.endpoints import Endpoint
from gateway.exchange import Answer, GatewayRequest
from gateway.lane import Lane


class OneEndpoint:
    """A table with one POST endpoint whose handler the test gives."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.seen: list[GatewayRequest] = []

    def find(self, path: str, method: str = "") -> tuple[Endpoint, str] | None:
        return (Endpoint("POST", "/v1/echo", self.serve), "") if path == "/v1/echo" else None

    async def serve(self, request: GatewayRequest, argument: str) -> Answer:
        self.seen.append(request)
        answer: Answer = await self.handler(request, argument)
        return answer


class Client:
    """The server's side of one request: messages to receive, and what was sent."""

    def __init__(self, *bodies: bytes) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for position, body in enumerate(bodies):
            self.inbox.put_nowait({"type": "http.request", "body": body, "more_body": position < len(bodies) - 1})
        self.sent: list[dict[str, Any]] = []
        self.has_sent_three = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        return await self.inbox.get()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(dict(message))
        if len(self.sent) == 3:
            self.has_sent_three.set()

    def leave(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def error(self) -> dict[str, Any]:
        return dict(msgspec.json.decode(self.body)["error"])

    def header(self, name: bytes) -> bytes | None:
        return dict(self.sent[0]["headers"]).get(name)


async def unreachable(*_: Any) -> None:
    raise AssertionError("the application behind the lane was asked")


def a_lane(table: OneEndpoint, *, behind: Any = unreachable, **options: Any) -> Lane:
    settings: dict[str, Any] = {"max_body_bytes": 100, "body_timeout_s": 1.0, **options}
    return Lane(behind, lambda: table, clock=SystemClock(), **settings)  # type: ignore[arg-type, return-value]


def scope(**changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/v1/echo",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("192.0.2.7", 1234),
        **changes,
    }


async def echo(request: GatewayRequest, _: str) -> Answer:
    return Answer(200, [(b"content-type", b"application/json")], request.body)


async def test_a_body_in_pieces_arrives_whole() -> None:
    client = Client(b'{"a"', b":", b"1}")
    await a_lane(OneEndpoint(echo))(scope(), client.receive, client.send)
    assert (client.status, client.body) == (200, b'{"a":1}')
    assert client.header(b"content-length") == b"7"


async def test_what_is_no_endpoint_goes_to_the_application_behind() -> None:
    asked = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])

    await a_lane(OneEndpoint(echo), behind=behind)(scope(path="/admin/"), Client().receive, Client().send)
    assert asked == ["/admin/"]


async def test_a_declared_body_over_the_limit_is_refused_unread() -> None:
    client = Client()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"52428800")]
    await a_lane(OneEndpoint(echo))(scope(headers=headers), client.receive, client.send)
    assert (client.status, client.error["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert client.header(b"connection") == b"close"


async def test_an_undeclared_body_is_refused_once_it_passes_the_limit() -> None:
    client = Client(*[b"x" * 60] * 1_000)
    await a_lane(OneEndpoint(echo))(scope(), client.receive, client.send)
    assert client.status == 413
    assert client.inbox.qsize() == 998


async def test_a_body_that_does_not_come_in_time_is_a_408() -> None:
    client = Client()
    await a_lane(OneEndpoint(echo), body_timeout_s=0.02)(scope(), client.receive, client.send)
    assert (client.status, client.error["code"]) == (408, "REQUEST_TIMEOUT")


async def test_a_body_that_breaks_off_is_refused() -> None:
    client = Client()
    client.leave()
    table = OneEndpoint(echo)
    await a_lane(table)(scope(), client.receive, client.send)
    assert client.sent[0]["status"] == 400
    assert table.seen == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"method": "GET"}, 405, "METHOD_NOT_ALLOWED"),
        ({"headers": [(b"content-type", b"text/plain")]}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"headers": [(b"content-encoding", b"gzip")]}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"headers": [(b"content-length", b"many")]}, 400, "INVALID_REQUEST"),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_before_its_body(
    changes: dict[str, Any], status: int, code: str
) -> None:
    client = Client(b"{}")
    await a_lane(OneEndpoint(echo))(scope(**changes), client.receive, client.send)
    assert (client.status, client.error["code"]) == (status, code)
    assert client.inbox.qsize() == 1


async def test_a_405_names_the_method_that_is_allowed() -> None:
    client = Client(b"")
    await a_lane(OneEndpoint(echo))(scope(method="DELETE"), client.receive, client.send)
    assert client.header(b"allow") == b"POST"
    assert MethodNotAllowed.status == 405


async def test_a_call_whose_client_leaves_is_cancelled() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(request: GatewayRequest, _: str) -> Answer:
        started.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    client = Client(b"{}")
    serving = asyncio.create_task(a_lane(OneEndpoint(slow))(scope(), client.receive, client.send))
    await started.wait()
    client.leave()
    await asyncio.wait_for(serving, 5)
    assert cancelled.is_set()
    assert client.sent == []
    assert not serving.cancelled()


async def test_a_stream_whose_client_leaves_is_closed() -> None:
    closed = asyncio.Event()

    async def endless(request: GatewayRequest, _: str) -> Answer:
        async def pieces() -> AsyncGenerator[bytes, None]:
            try:
                while True:
                    yield b"data: x\n\n"
                    await asyncio.sleep(0.01)
            finally:
                closed.set()

        return Answer(200, [], stream=pieces())

    client = Client(b"{}")
    serving = asyncio.create_task(a_lane(OneEndpoint(endless))(scope(), client.receive, client.send))
    async with asyncio.timeout(5):
        await client.has_sent_three.wait()
        client.leave()
        await serving
    assert closed.is_set()
    assert client.sent[-1].get("more_body") is True


async def test_a_whole_stream_ends_with_an_empty_piece() -> None:
    async def short(request: GatewayRequest, _: str) -> Answer:
        async def pieces() -> AsyncGenerator[bytes, None]:
            yield b"one"
            yield b"two"

        return Answer(200, [(b"content-type", b"text/event-stream")], stream=pieces())

    client = Client(b"{}")
    await a_lane(OneEndpoint(short))(scope(), client.receive, client.send)
    assert client.body == b"onetwo"
    assert client.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_the_server_stopping_cancels_the_call_and_says_so() -> None:
    async def slow(request: GatewayRequest, _: str) -> Answer:
        await asyncio.sleep(30)
        raise AssertionError

    client = Client(b"{}")
    serving = asyncio.create_task(a_lane(OneEndpoint(slow))(scope(), client.receive, client.send))
    await asyncio.sleep(0.01)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
