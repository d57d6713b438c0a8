"""Whatever the lane answers, the DRF views answer too: each contract runs through both doors."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import httpx
import msgspec
import pytest
from django.core.asgi import get_asgi_application
from django.db import connection, connections
from django.http import StreamingHttpResponse
from rest_framework.test import APIClient

from contracts.chat import JsonObject
from contracts.clock import SystemClock
from contracts.errors import GatewayError
from contracts.events import RequestCompleted, RequestFailed
from contracts.specs import LimitMetric
from gateway import process
from gateway.lane import Lane
from gateway.process import GatewayProcess
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route
from tenants.keys import ClearKey
from tenants.services import create_key, create_tenant
from tests.gateway.doubles import limit
from tests.gateway.stand import CLEAR_KEY, Stand, sandbox_target, sse_objects

HELLO: JsonObject = {"messages": [{"role": "user", "content": "Hello"}]}
MAX_BODY = 100_000
RUN_ID = "req_" + "0" * 32


class Reply(NamedTuple):
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Door:
    """A way in; the gateway behind it runs on a loop and thread of its own."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """One request with exactly these headers."""
        raise NotImplementedError

    def post(self, path: str, body: Any, key: str = CLEAR_KEY, **headers: str) -> Reply:
        """A JSON body with a key."""
        sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = {"content_type": "application/json", "authorization": f"Bearer {key}", **headers}
        return self.send("POST", path, sent, **given)

    def get(self, path: str, key: str = CLEAR_KEY) -> Reply:
        """A read with a key."""
        return self.send("GET", path, authorization=f"Bearer {key}")


class LaneDoor(Door):
    """The bare ASGI application, with Django behind it."""

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        return self.gateway.run(self._send(method, path, body, headers))

    async def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        lane = Lane(
            cast("Any", get_asgi_application()),
            lambda: self.gateway.runtime.endpoints,
            clock=SystemClock(),
            max_body_bytes=MAX_BODY,
            body_timeout_s=5,
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(cast("Any", lane)), base_url="http://testserver"
        ) as client:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            response = await client.request(method, path, content=body, headers=given)
        return Reply(response.status_code, dict(response.headers), response.content)


class ViewDoor(Door):
    """Django's views, through DRF's test client."""

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        content_type = headers.pop("content_type", "")
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        client: Any = APIClient()
        response: Any = client.generic(method, path, body, content_type=content_type, headers=given)
        content = response.getvalue() if isinstance(response, StreamingHttpResponse) else response.content
        return Reply(response.status_code, {name.lower(): value for name, value in response.items()}, content)


DOORS: dict[str, type[Door]] = {"lane": LaneDoor, "views": ViewDoor}


class Opened:
    """Stands that were opened, each behind every door."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = loop
        self._monkeypatch = monkeypatch

    def __call__(self, door: str, stand: Stand) -> Door:
        runtime = SimpleNamespace(endpoints=stand.endpoints)
        gateway = GatewayProcess(cast("Any", runtime), self._loop)
        self._monkeypatch.setattr(process, "_process", gateway)
        return DOORS[door](gateway)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Opened]:
    settings.GATEWAY_MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield Opened(loop, monkeypatch)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def stand() -> Stand:
    return Stand(
        sandbox_target(), sandbox_target("second"), limits=(limit(1_000), limit(10_000_000, LimitMetric.TOKENS))
    )


@pytest.fixture(params=list(DOORS))
def door(request: pytest.FixtureRequest, opened: Opened, stand: Stand) -> Door:
    return opened(request.param, stand)


# --- answers


def test_a_chat_completion_is_answered(door: Door) -> None:
    reply = door.post("/v1/chat/completions", HELLO)
    assert reply.status == 200
    assert reply.json["output_text"] == "You said: Hello"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-correlation-id"] == reply.json["correlation_id"]
    assert reply.headers["x-breakwater-cost-nanousd"] == str(reply.json["cost"]["nanousd"])
    assert reply.headers["x-ratelimit-limit-requests"] == "1000"
    assert reply.headers["content-length"] == str(len(reply.body))


def test_a_stream_arrives_whole_with_its_headers(door: Door) -> None:
    reply = door.post("/v1/chat/completions", {**HELLO, "stream": True})
    events = sse_objects(reply.body)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert events[-1] == "[DONE]"
    assert events[-2]["correlation_id"] == reply.headers["x-correlation-id"]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events[:-1]) == "You said: Hello"


def test_a_call_through_either_door_ends_in_one_event(door: Door, stand: Stand) -> None:
    door.post("/v1/chat/completions", {**HELLO, "stream": True})
    assert stand.only(RequestCompleted).stream is True


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/messages", {**HELLO, "max_tokens": 50}, "content"),
        ("/v1/messages/count_tokens", HELLO, "input_tokens"),
        ("/v1/generate", {"prompt": "Hello"}, "output_text"),
        ("/v1/embeddings", {"input": ["Hello", "you"]}, "data"),
    ],
)
def test_every_kind_of_call_is_answered(door: Door, path: str, body: Any, field: str) -> None:
    reply = door.post(path, body)
    assert (reply.status, bool(reply.json[field])) == (200, True)


def test_generated_text_is_streamed(door: Door) -> None:
    reply = door.post("/v1/generate/stream", {"prompt": "Hello"})
    assert reply.body.count(b"event: token\n") > 1
    assert reply.body.count(b"event: done\n") == 1


def test_models_are_listed_and_found(door: Door) -> None:
    names = [entry["id"] for entry in door.get("/v1/models").json["data"]]
    assert names == ["default", "small", "second"]
    assert door.get("/v1/models/second").json["id"] == "second"


@pytest.mark.parametrize("path", ["/health", "/health/detailed"])
def test_probes_need_no_key(door: Door, path: str) -> None:
    reply = door.send("GET", path)
    assert (reply.status, reply.json["status"]) == (200, "ok")


def test_metrics_are_plain_text(door: Door) -> None:
    assert door.send("GET", "/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")


def test_head_is_get_without_the_body(door: Door) -> None:
    whole = door.send("GET", "/health")
    head = door.send("HEAD", "/health")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize("header", ["x_api_key", "api_key"])
def test_a_key_may_come_in_any_clients_header(door: Door, header: str) -> None:
    given = {header: CLEAR_KEY}
    reply = door.send("POST", "/v1/generate", b'{"prompt": "Hi"}', content_type="application/json", **given)
    assert reply.status == 200


# --- refusals


class Refusal(NamedTuple):
    """A request, and what both doors must say to it."""

    name: str
    status: int
    code: str
    method: str = "POST"
    path: str = "/v1/chat/completions"
    body: bytes = b'{"messages": [{"role": "user", "content": "Hi"}]}'
    content_type: str = "application/json"
    key: str = CLEAR_KEY
    headers: tuple[tuple[str, str], ...] = ()


REFUSALS = [
    Refusal("malformed JSON", 400, "INVALID_REQUEST", body=b'{"messages": ['),
    Refusal("no body", 400, "INVALID_REQUEST", body=b""),
    Refusal("not an object", 400, "INVALID_REQUEST", body=b"[]"),
    Refusal("wrong type", 400, "INVALID_REQUEST", body=b'{"messages": "Hi"}'),
    Refusal("invalid UTF-8", 400, "INVALID_REQUEST", body=b'{"messages": "\xff\xfe"}'),
    Refusal("form instead of JSON", 415, "UNSUPPORTED_MEDIA_TYPE", content_type="application/x-www-form-urlencoded"),
    Refusal("upload instead of JSON", 415, "UNSUPPORTED_MEDIA_TYPE", content_type="multipart/form-data; boundary=x"),
    Refusal("compressed", 415, "UNSUPPORTED_MEDIA_TYPE", headers=(("content_encoding", "gzip"),)),
    Refusal("too large", 413, "PAYLOAD_TOO_LARGE", body=b" " * (MAX_BODY + 1)),
    Refusal("too large for Messages", 413, "PAYLOAD_TOO_LARGE", path="/v1/messages", body=b" " * (MAX_BODY + 1)),
    Refusal("wrong method", 405, "METHOD_NOT_ALLOWED", method="GET"),
    Refusal("unusual method", 405, "METHOD_NOT_ALLOWED", method="PROPFIND"),
    Refusal("options", 405, "METHOD_NOT_ALLOWED", method="OPTIONS"),
    Refusal("posting to a read", 405, "METHOD_NOT_ALLOWED", path="/v1/models"),
    Refusal("wrong method before a large body", 405, "METHOD_NOT_ALLOWED", method="PUT", body=b" " * (MAX_BODY + 1)),
    Refusal("unknown key", 401, "INVALID_API_KEY", key="nonsense"),
    Refusal("no key", 401, "INVALID_API_KEY", key=""),
    Refusal("unknown key for Messages", 401, "INVALID_API_KEY", path="/v1/messages", key="nonsense"),
    Refusal("unknown model", 404, "MODEL_NOT_FOUND", body=b'{"messages":[{"role":"user","content":"Hi"}],"model":"x"}'),
    Refusal("unknown model to read", 404, "MODEL_NOT_FOUND", method="GET", path="/v1/models/x/y"),
    Refusal("a line end in a model's name", 404, "MODEL_NOT_FOUND", method="GET", path="/v1/models/a%0Ab"),
    Refusal("unknown run", 404, "RUN_NOT_FOUND", method="GET", path=f"/v1/runs/{RUN_ID}"),
    Refusal("a path instead of a run", 404, "RUN_NOT_FOUND", method="GET", path="/v1/runs/x/y"),
    Refusal("unknown path", 404, "NOT_FOUND", path="/v1/nothing"),
    Refusal("a slash too much", 404, "NOT_FOUND", path="/v1/chat/completions/"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_both_doors_refuse_alike(opened: Opened, refusal: Refusal) -> None:
    said = []
    for name in DOORS:
        headers = {"content_type": refusal.content_type, **dict(refusal.headers)}
        if refusal.key:
            headers["authorization"] = f"Bearer {refusal.key}"
        reply = opened(name, Stand()).send(refusal.method, refusal.path, refusal.body, **headers)
        assert reply.status == refusal.status
        assert reply.json["error"]["code"] == refusal.code
        assert reply.json["error"]["correlation_id"] == reply.headers["x-correlation-id"]
        said.append((_without_ids(reply.body), reply.headers.get("allow")))
    assert said[0] == said[1]


def _without_ids(body: bytes) -> str:
    return re.sub(r"req_[0-9a-f]{32}", "req_*", body.decode())


def test_messages_errors_are_anthropics(door: Door) -> None:
    error = door.post("/v1/messages", b"{").json
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    assert error["request_id"] == error["error"]["correlation_id"]


def test_a_limit_says_when_to_come_back(opened: Opened) -> None:
    for name in DOORS:
        door = opened(name, Stand(limits=(limit(1),)))
        door.post("/v1/chat/completions", HELLO)
        reply = door.post("/v1/chat/completions", HELLO)
        assert (reply.status, reply.json["error"]["code"]) == (429, "RATE_LIMITED")
        assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", DOORS)
def test_a_failing_provider_is_told_alike(opened: Opened, name: str) -> None:
    stand = Stand(sandbox_target(options={"failure_rate": 1, "failure_status": 500}))
    reply = opened(name, stand).post("/v1/chat/completions", HELLO)
    assert (reply.status, reply.json["error"]["code"]) == (503, "PROVIDER_UNAVAILABLE")
    assert stand.only(RequestFailed).http_status == 503


@pytest.mark.parametrize("name", DOORS)
def test_a_broken_stream_ends_in_an_error_event(opened: Opened, name: str) -> None:
    stand = Stand(sandbox_target(options={"failure_rate": 1, "failure": "half_stream", "output_tokens": 8}))
    reply = opened(name, stand).post("/v1/chat/completions", {**HELLO, "stream": True})
    assert reply.status == 200
    assert sse_objects(reply.body)[-1]["error"]["code"] == stand.only(RequestFailed).error_code


@pytest.mark.parametrize("name", DOORS)
def test_a_bug_of_ours_shows_no_trace(opened: Opened, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand()
    monkeypatch.setattr(stand.pipeline, "_parse", _broken)
    reply = opened(name, stand).post("/v1/chat/completions", HELLO)
    assert (reply.status, reply.json["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert b"secret detail" not in reply.body


def _broken(*_: Any) -> None:
    raise ZeroDivisionError("secret detail")


@pytest.mark.parametrize("consumed", [0, 1])
def test_a_view_whose_client_leaves_settles_the_call(opened: Opened, stand: Stand, consumed: int) -> None:
    opened("views", stand)
    given = {"authorization": f"Bearer {CLEAR_KEY}"}
    body = {**HELLO, "stream": True}
    response: Any = APIClient().post("/v1/chat/completions", body, format="json", headers=given)
    assert isinstance(response, StreamingHttpResponse)
    pieces = iter(cast("Iterator[bytes]", response.streaming_content))
    for _ in range(consumed):
        next(pieces)
    response.close()
    assert stand.only(RequestFailed).error_code == "CLIENT_DISCONNECTED"


# --- the process behind the views


@pytest.mark.django_db(transaction=True)
def test_a_process_without_a_server_starts_its_gateway_once_and_stops_it_without_a_trace(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"
    name = "breakwater-doors-test"
    monkeypatch.setitem(connections["default"].settings_dict["OPTIONS"], "application_name", name)
    tenant = create_tenant(slug="doors", name="Doors")
    create_key(tenant=tenant, name="key", clear_key=ClearKey(clear="doors-key", prefix="doors", last_four="-key"))
    models = {model.name: model for model in register(SANDBOX).models.all()}
    create_route(name="default", is_default=True, targets=[TargetChoice(model=models["sandbox-small"], priority=0)])
    threads = set(threading.enumerate())

    door = ViewDoor(process.running())
    try:
        reply = door.post("/v1/chat/completions", HELLO, key="doors-key")
        unknown = door.get(f"/v1/runs/{RUN_ID}", key="doors-key")
        detailed = door.send("GET", "/health/detailed")
        assert process.running() is door.gateway
    finally:
        process.stop()

    assert (reply.status, reply.json["output_text"]) == (200, "You said: Hello")
    assert (unknown.status, unknown.json["error"]["code"]) == (404, "RUN_NOT_FOUND")
    assert detailed.json["dependencies"]["postgresql"]["status"] == "ok"
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive()
    deadline = time.monotonic() + 10
    while _connections(name):  # PostgreSQL ends a session a moment after its client has gone.
        assert time.monotonic() < deadline


def _connections(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()", [name]
        )
        return int(cursor.fetchone()[0])


def test_stopping_what_a_server_started_is_left_to_the_server(opened: Opened, stand: Stand) -> None:
    door = opened("views", stand)
    process.stop()
    assert process.running() is door.gateway


def test_an_error_raised_while_serving_is_an_answer_not_an_exception(
    door: Door, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Teapot(GatewayError):
        code = "TEAPOT"
        status = 418

    async def refuse(*_: Any) -> None:
        raise Teapot("Short and stout.")

    monkeypatch.setattr(stand.pipeline, "_authenticate", refuse)
    reply = door.post("/v1/chat/completions", HELLO)
    assert (reply.status, reply.json["error"]["message"]) == (418, "Short and stout.")
