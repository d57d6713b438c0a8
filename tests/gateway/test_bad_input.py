"""Requests as no polite client sends them, over a real socket: the right status and one error shape, every time."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from django.core.asgi import get_asgi_application

from contracts.specs import KeySpec, TenantSpec
from events.collector.collector import Collector
from events.collector.database import conninfo
from events.collector.metrics import CollectorMetrics
from events.collector.store import EventStore
from events.engine.bus import RedisCollectorBus
from events.models import EventRecord, QuarantinedEvent, Run
from gateway.wiring import build_runtime
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route
from tenants.keys import ClearKey
from tenants.models import Tenant
from tenants.services import create_key, create_tenant
from tests.gateway.api_document import api_document, validator_of
from tests.gateway.sdk.conftest import serving
from tests.gateway.stand import Stand
from tests.gateway.wire import WireReply, exchange, head, request

MEGABYTE = 1 << 20
MAX_BODY = 5 * MEGABYTE
HELLO = b'{"messages":[{"role":"user","content":"Hello"}]}'
ERROR_FIELDS = {"code", "message", "type", "param", "retryable", "correlation_id"}
UNKNOWN_RUN = "req_" + "0" * 32


def with_fields(fields: bytes) -> bytes:
    """A good chat request with further fields."""
    return HELLO[:-1] + b"," + fields + b"}"


@pytest.fixture
def stand() -> Stand:
    """A tenant, a suspended one, and keys that do not open anything."""
    stand = Stand()
    refused = {
        "expired": KeySpec(id="key-2", tenant_id="tenant-1", expires_at_ms=1),
        "revoked": KeySpec(id="key-3", tenant_id="tenant-1", revoked=True),
        "suspended": KeySpec(id="key-4", tenant_id="tenant-2"),
        "elsewhere": KeySpec(id="key-5", tenant_id="tenant-1", ip_allow=("10.0.0.0/8",)),
        "reader": KeySpec(id="key-6", tenant_id="tenant-1", scopes=frozenset({"models"})),
        "orphan": KeySpec(id="key-7", tenant_id="tenant-none"),
    }
    stand.source.keys |= {hashlib.sha256(clear.encode()).hexdigest(): key for clear, key in refused.items()}
    stand.source.tenants["tenant-2"] = TenantSpec(id="tenant-2", slug="gone", active=False)
    return stand


@pytest.fixture
async def url(stand: Stand) -> AsyncIterator[str]:
    async with serving(stand, max_body_bytes=MAX_BODY, behind=get_asgi_application()) as found:
        yield found


def check_refusal(reply: WireReply, status: int, code: str) -> None:
    """The status, DESIGN's error shape, an id in both places, and nothing of our insides."""
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    error = reply.json["error"]
    assert set(error) >= ERROR_FIELDS
    assert error["correlation_id"] == reply.headers["x-correlation-id"]
    assert reply.headers["content-type"] == "application/json"
    assert b"Traceback" not in reply.body
    assert b".py" not in reply.body
    assert len(reply.body) < 2_000


class Bad(NamedTuple):
    """A request and what it deserves."""

    name: str
    sent: bytes
    status: int = 400
    code: str = "INVALID_REQUEST"


def get(path: bytes | str, *lines: bytes, **fields: Any) -> bytes:
    """A GET without a body."""
    return head("GET", path, *lines, content_type=None, **fields)


MALFORMED = [
    Bad("nothing", request(b"")),
    Bad("no length and no body", head()),
    Bad("half an object", request(b'{"messages":')),
    Bad("two objects", request(HELLO + HELLO)),
    Bad("a list", request(b"[1]")),
    Bad("a number", request(b"1")),
    Bad("an XML document", request(b"<?xml version='1.0'?><a/>")),
    Bad("a single quote", request(b"{'messages': []}")),
    Bad("a trailing comma", request(b'{"messages": [],}')),
    Bad("a comment", request(b'{"messages": [] /* none */}')),
    Bad("a byte order mark", request(b"\xef\xbb\xbf" + HELLO)),
    Bad("UTF-16", request(HELLO.decode().encode("utf-16"))),
    Bad("invalid UTF-8", request(b'{"messages":[{"role":"user","content":"\xff\xfe"}]}')),
    Bad("an overlong UTF-8 form", request(b'{"messages":[{"role":"user","content":"\xc0\x80"}]}')),
    Bad("a raw NUL", request(b'{"messages":[{"role":"user","content":"a\x00b"}]}')),
    Bad("only NULs", request(b"\x00" * 100)),
    Bad("a lone surrogate", request(b'{"messages":[{"role":"user","content":"\\ud800"}]}')),
    Bad("a lone low surrogate in a name", request(with_fields(b'"user":"\\udc00 and more text"'))),
    Bad("a swapped surrogate pair", request(with_fields(b'"tags":["\\ude00\\ud83d and more"]'))),
    Bad("NaN", request(with_fields(b'"temperature":NaN'))),
    Bad("Infinity", request(with_fields(b'"temperature":-Infinity'))),
    Bad("a float beyond all range", request(with_fields(b'"temperature":1e999'))),
    Bad("an integer of 5,000 digits", request(with_fields(b'"seed":' + b"9" * 5_000))),
    Bad("lists 100,000 deep", request(with_fields(b'"x":' + b"[" * 100_000 + b"]" * 100_000))),
    Bad("lists 960 deep", request(with_fields(b'"x":' + b"[" * 960 + b"]" * 960))),
    Bad("objects 300 deep", request(with_fields(b'"x":' + b'{"a":' * 300 + b"1" + b"}" * 300))),
    Bad("a million opening brackets", request(b"[" * 1_000_000)),
]
WRONG_VALUES = [
    Bad("messages missing", request(b"{}")),
    Bad("messages null", request(b'{"messages":null}')),
    Bad("messages text", request(b'{"messages":"Hi"}')),
    Bad("messages empty", request(b'{"messages":[]}')),
    Bad("a message that is text", request(b'{"messages":["Hi"]}')),
    Bad("an unknown role", request(b'{"messages":[{"role":"king","content":"Hi"}]}')),
    Bad("content a number", request(b'{"messages":[{"role":"user","content":1}]}')),
    Bad("content missing", request(b'{"messages":[{"role":"user"}]}')),
    Bad("the last of duplicate keys counts", request(b'{"messages":[{"role":"user","content":"Hi"}],"messages":[]}')),
    Bad("temperature text", request(with_fields(b'"temperature":"hot"'))),
    Bad("temperature out of range", request(with_fields(b'"temperature":2.1'))),
    Bad("max_tokens negative", request(with_fields(b'"max_tokens":-1'))),
    Bad("max_tokens huge", request(with_fields(b'"max_tokens":123456789012345678901234567890'))),
    Bad("max_tokens a fraction", request(with_fields(b'"max_tokens":1.5'))),
    Bad("n zero", request(with_fields(b'"n":0'))),
    Bad("stream a text", request(with_fields(b'"stream":"true"'))),
    Bad("model a number", request(with_fields(b'"model":7'))),
    Bad("model of a megabyte", request(with_fields(b'"model":"' + b"m" * MEGABYTE + b'"'))),
    Bad("user of a megabyte", request(with_fields(b'"user":"' + b"u" * MEGABYTE + b'"'))),
    Bad("mode of a megabyte", request(with_fields(b'"mode":"' + b"x" * MEGABYTE + b'"'))),
    Bad("an unknown mode", request(with_fields(b'"mode":"turbo"'))),
    Bad("a thousand tags", request(with_fields(b'"tags":' + msgspec.json.encode([str(n) for n in range(1_000)])))),
    Bad("a tag of a kilobyte", request(with_fields(b'"tags":{"a":"' + b"t" * 1_024 + b'"}'))),
    Bad("a tag that is a number", request(with_fields(b'"tags":{"a":1}'))),
    Bad("a budget of nothing", request(with_fields(b'"budget":{"max_tokens":0}'))),
    Bad("an unknown part of a budget", request(with_fields(b'"budget":{"max_token":5}'))),
    Bad("an empty embedding", request(b'{"input":[]}', path="/v1/embeddings")),
    Bad("texts and tokens mixed", request(b'{"input":["a",1]}', path="/v1/embeddings")),
    Bad("a prompt that is a list", request(b'{"prompt":["a"]}', path="/v1/generate")),
    Bad("an unknown field of generate", request(b'{"prompt":"a","foo":1}', path="/v1/generate")),
    Bad("an image that is none", request(b'{"prompt":"a","images":["!!!"]}', path="/v1/generate")),
]
MODEL = ("MODEL_NOT_FOUND", "RUN_NOT_FOUND", "NOT_FOUND")
WRONG_PLACES = [
    Bad("an unknown model", request(with_fields(b'"model":"gpt-99"')), 404, MODEL[0]),
    Bad("a model of emoji", request(with_fields('"model":"🦫"'.encode())), 404, MODEL[0]),
    Bad("a model with NUL", request(with_fields(b'"model":"a\\u0000b"')), 404, MODEL[0]),
    Bad("a model with line ends", request(with_fields(b'"model":"a\\r\\nx-evil: 1"')), 404, MODEL[0]),
    Bad("a model that climbs", request(with_fields(b'"model":"../../etc/passwd"')), 404, MODEL[0]),
    Bad("reading a model that climbs", get("/v1/models/..%2f..%2fetc%2fpasswd"), 404, MODEL[0]),
    Bad("reading a model of broken UTF-8", get("/v1/models/%ff%fe"), 404, MODEL[0]),
    Bad("reading a model of emoji", get("/v1/models/%F0%9F%A6%AB"), 404, MODEL[0]),
    Bad("a run that climbs", get("/v1/runs/../../etc/passwd"), 404, MODEL[1]),
    Bad("a run that climbs in disguise", get("/v1/runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), 404, MODEL[1]),
    Bad("a run with NUL", get("/v1/runs/%00"), 404, MODEL[1]),
    Bad("a run in SQL", get("/v1/runs/'%20OR%201=1--"), 404, MODEL[1]),
    Bad("a run of 8 kB", get("/v1/runs/" + "a" * 8_192), 404, MODEL[1]),
    Bad("a run nobody had", get(f"/v1/runs/{UNKNOWN_RUN}"), 404, MODEL[1]),
    Bad("an unknown path", request(HELLO, path="/v1/nothing"), 404, MODEL[2]),
    Bad("an unknown path with NUL", get("/v1/%00"), 404, MODEL[2]),
    Bad("an unknown path of broken UTF-8", get("/v1/%ff"), 404, MODEL[2]),
    Bad("a list of runs", get("/v1/runs"), 404, MODEL[2]),
    Bad("a slash too much", request(HELLO, path="/v1/chat/completions/"), 404, MODEL[2]),
    Bad("reading a call", get("/v1/chat/completions"), 405, "METHOD_NOT_ALLOWED"),
    Bad("writing a read", request(b"{}", path="/v1/models"), 405, "METHOD_NOT_ALLOWED"),
    Bad("deleting a run", head("DELETE", f"/v1/runs/{UNKNOWN_RUN}"), 405, "METHOD_NOT_ALLOWED"),
    Bad("a method of WebDAV", request(HELLO, method="MKCOL"), 405, "METHOD_NOT_ALLOWED"),
    Bad("plain text", request(HELLO, content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    Bad("a form", request(b"a=b", content_type="application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    Bad("compressed", request(HELLO, b"Content-Encoding: gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"),
]
WRONG_CALLERS = [
    Bad("no key", request(HELLO, key=None), 401, "INVALID_API_KEY"),
    Bad("an empty key", request(HELLO, key=""), 401, "INVALID_API_KEY"),
    Bad("an unknown key", request(HELLO, key="sk-unknown"), 401, "INVALID_API_KEY"),
    Bad("a key of 5 kB", request(HELLO, key="k" * 5_000), 401, "INVALID_API_KEY"),
    Bad("a key of bytes", request(HELLO, b"Authorization: Bearer \xff\xfe\x80", key=None), 401, "INVALID_API_KEY"),
    Bad("a key of emoji", request(HELLO, key="🦫"), 401, "INVALID_API_KEY"),
    Bad("a password", request(HELLO, b"Authorization: Basic eDp5", key=None), 401, "INVALID_API_KEY"),
    Bad("an expired key", request(HELLO, key="expired"), 401, "INVALID_API_KEY"),
    Bad("a revoked key", request(HELLO, key="revoked"), 401, "INVALID_API_KEY"),
    Bad("an expired key for reading", get("/v1/models", key="expired"), 401, "INVALID_API_KEY"),
    Bad("a suspended tenant", request(HELLO, key="suspended"), 403, "PERMISSION_DENIED"),
    Bad("a suspended tenant's run", get(f"/v1/runs/{UNKNOWN_RUN}", key="suspended"), 403, "PERMISSION_DENIED"),
    Bad("a tenant that is gone", request(HELLO, key="orphan"), 403, "PERMISSION_DENIED"),
    Bad("an address that is not allowed", request(HELLO, key="elsewhere"), 403, "PERMISSION_DENIED"),
    Bad("a scope that is missing", request(HELLO, key="reader"), 403, "PERMISSION_DENIED"),
]


@pytest.mark.parametrize(
    "bad", [*MALFORMED, *WRONG_VALUES, *WRONG_PLACES, *WRONG_CALLERS], ids=lambda bad: bad.name.replace(" ", "-")
)
async def test_it_is_refused_with_the_right_status(url: str, bad: Bad) -> None:
    check_refusal(await exchange(url, bad.sent), bad.status, bad.code)


ACCEPTED = {
    "no content type": request(HELLO, content_type=None),
    "a media type of the JSON family": request(HELLO, content_type="application/vnd.api+json; charset=utf-8"),
    "NUL in texts": request(with_fields(b'"user":"a\\u0000b","tags":{"\\u0000":"\\u0000"}')),
    "emoji": request(with_fields('"user":"🦫","tags":["🦫"]'.encode())),
    "an integer beyond 64 bits": request(with_fields(b'"seed":' + b"9" * 300)),
    "an absurd query": request(HELLO, path=b"/v1/chat/completions?" + b"a=%ff&" * 1_000 + b"%00=%zz"),
    "a query of 60 kB": request(HELLO, path=b"/v1/chat/completions?" + b"q" * 60_000),
    "broken trace headers": request(HELLO, b"traceparent: 00-zz", b"tracestate: \xff"),
    "a body in one-byte chunks": head("POST", "/v1/chat/completions", b"Transfer-Encoding: chunked")
    + b"".join(b"1\r\n%c\r\n" % byte for byte in HELLO)
    + b"0\r\n\r\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_is_odd_but_right_is_served(url: str, name: str) -> None:
    reply = await exchange(url, ACCEPTED[name])
    assert (reply.status, reply.json["output_text"]) == (200, "You said: Hello")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("not a number", head("POST", "/v1/chat/completions", b"Content-Length: abc") + HELLO),
        ("negative", head("POST", "/v1/chat/completions", b"Content-Length: -5") + HELLO),
        ("beyond 64 bits", head("POST", "/v1/chat/completions", b"Content-Length: " + b"9" * 30) + HELLO),
        (
            "twice, and different",
            head("POST", "/v1/chat/completions", b"Content-Length: 3", b"Content-Length: 4") + HELLO,
        ),
        ("a path of raw bytes", get(b"/v1/models/\xff\xfe")),
        ("not HTTP at all", b"\x16\x03\x01\x02\x00garbage\r\n\r\n"),
        ("an invented method", head("BREW", "/v1/models")),
        ("HTTP of 1991", b"GET /v1/models\r\n\r\n"),
    ],
)
async def test_what_is_not_http_is_refused_by_the_server_itself(url: str, name: str, sent: bytes) -> None:
    check_refusal(await exchange(url, sent), 400, "INVALID_REQUEST")


@pytest.mark.parametrize("line", [b"X-Big: " + b"y" * 1_000_000, b"\r\n".join(b"X-%d: y" % n for n in range(5_000))])
async def test_too_many_headers_are_refused_by_the_server_itself(url: str, line: bytes) -> None:
    check_refusal(await exchange(url, request(HELLO, line)), 431, "HEADERS_TOO_LARGE")


async def test_fifty_declared_megabytes_are_refused_before_they_are_sent(url: str) -> None:
    sent = head("POST", "/v1/chat/completions", b"Content-Length: %d" % (50 * MEGABYTE))
    reply = await exchange(url, sent)
    check_refusal(reply, 413, "PAYLOAD_TOO_LARGE")
    assert reply.json["error"]["details"] == {"max_bytes": MAX_BODY}
    assert reply.headers["connection"] == "close"


async def test_fifty_chunked_megabytes_are_refused_on_the_way(url: str) -> None:
    chunk = b"100000\r\n" + b" " * MEGABYTE + b"\r\n"
    sent = [head("POST", "/v1/chat/completions", b"Transfer-Encoding: chunked"), *[chunk] * 50, b"0\r\n\r\n"]
    check_refusal(await exchange(url, sent), 413, "PAYLOAD_TOO_LARGE")


async def test_a_large_messages_request_is_refused_in_anthropics_shape(url: str) -> None:
    reply = await exchange(url, head("POST", "/v1/messages", b"Content-Length: %d" % (50 * MEGABYTE)))
    assert (reply.status, reply.json["type"], reply.json["error"]["type"]) == (413, "error", "request_too_large")


async def test_a_body_that_does_not_come_is_given_up(stand: Stand) -> None:
    sent = head("POST", "/v1/chat/completions", b"Content-Length: 500") + b'{"messages":'
    async with serving(stand, body_timeout_s=0.1) as url:
        reply = await exchange(url, sent)
    check_refusal(reply, 408, "REQUEST_TIMEOUT")
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "half_close"),
    [
        (head("POST", "/v1/chat/completions", b"Transfer-Encoding: chunked") + b"zz\r\nabc\r\n0\r\n\r\n", False),
        (head("POST", "/v1/chat/completions", b"Content-Length: 500") + b"{", True),
    ],
    ids=["broken-chunks", "cut-short"],
)
async def test_a_body_with_broken_framing_is_refused(url: str, sent: bytes, half_close: bool) -> None:
    check_refusal(await exchange(url, sent, half_close=half_close), 400, "INVALID_REQUEST")


async def test_bad_requests_leave_the_gateway_in_order(url: str, stand: Stand) -> None:
    await asyncio.gather(*(exchange(url, bad.sent) for bad in [*MALFORMED, *WRONG_VALUES]))
    reply = await exchange(url, request(HELLO))
    assert reply.status == 200
    assert all(target.in_flight == 0 for target in stand.engine.snapshot())


# --- what such calls leave in PostgreSQL


AWKWARD: dict[str, dict[str, Any]] = {
    "NUL": {"user": "a\0b", "tags": {"nul\0": "\0"}, "messages": [{"role": "user", "content": "nul \0 here"}]},
    "emoji": {"user": "🦫", "tags": ["🦫"], "messages": [{"role": "user", "content": "🦫"}]},
    "controls": {
        "user": "\x01\t\r\n\\N\\.",
        "tags": {"\\": "\x7f\u2028"},
        "messages": [{"role": "user", "content": "\b"}],
    },
    "longest": {
        "user": "u" * 1_024,
        "tags": {"t" * 128: "v" * 128},
        "messages": [{"role": "user", "content": "x" * 300_000}],
    },
    "noncharacters": {"user": "\ufffe\uffff", "messages": [{"role": "user", "content": "\U0010ffff"}]},
    "big number": {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 10**300}]}]},
    "unknown model": {"model": "no\0such\r\nmodel 🦫", "messages": [{"role": "user", "content": "Hi"}]},
}


class NoSink:
    """Nobody watches."""

    async def publish(self, tenant_id: str, events: Sequence[bytes]) -> None:
        return


@pytest.fixture
def seeded(settings: Any, tmp_path: Any, transactional_db: None) -> Iterator[Tenant]:
    """Two tenants with a key each ("first-key", "second-key"), and the sandbox."""
    settings.SPOOL_DIR = tmp_path / "spool"
    tenants = []
    for name in ("first", "second"):
        tenant = create_tenant(slug=name, name=name, payload_storage=Tenant.PayloadStorage.STORED)
        create_key(tenant=tenant, name=name, clear_key=ClearKey(clear=f"{name}-key", prefix=name, last_four="-key"))
        tenants.append(tenant)
    models = {model.name: model for model in register(SANDBOX).models.all()}
    create_route(name="default", is_default=True, targets=[TargetChoice(model=models["sandbox-small"], priority=0)])
    yield tenants[0]
    EventRecord.objects.filter(tenant_id__in=[str(tenant.id) for tenant in tenants]).delete()


async def through_everything(consumer: str, redis_url: str) -> dict[str, Any]:
    """Each awkward call's run as its tenant reads it, and what another tenant's key gets for it."""
    runtime = build_runtime()
    collector = Collector(
        bus=RedisCollectorBus.from_url(redis_url),
        store=EventStore(conninfo(), retention=timedelta(days=30)),
        sink=NoSink(),
        metrics=CollectorMetrics(),
        consumer=consumer,
        block_ms=20,
    )
    collecting = asyncio.create_task(collector.run())
    await runtime.start()
    try:
        async with serving(runtime) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
            ids = {}
            for name, body in AWKWARD.items():
                reply = await client.post(
                    "/v1/chat/completions", json=body, headers={"authorization": "Bearer first-key"}
                )
                assert reply.status_code == (404 if name == "unknown model" else 200), reply.text
                ids[name] = reply.headers["x-correlation-id"]
            runs = {name: await _run(client, found) for name, found in ids.items()}
            stolen = await client.get(f"/v1/runs/{ids['NUL']}", headers={"authorization": "Bearer second-key"})
    finally:
        await runtime.stop()
        collector.stop()
        await collecting
    return {**runs, "stolen": (stolen.status_code, stolen.json()["error"]["code"])}


async def _run(client: httpx.AsyncClient, correlation_id: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            reply = await client.get(f"/v1/runs/{correlation_id}", headers={"authorization": "Bearer first-key"})
            if reply.status_code == 200 and reply.json()["state"] != "running":
                return reply.json()
            assert reply.status_code in (200, 404), reply.text
            await asyncio.sleep(0.02)


def test_awkward_calls_are_kept_whole_and_seen_by_their_tenant_only(
    seeded: Tenant, redis_url: str, redis_client: Any
) -> None:
    runs = asyncio.run(through_everything(f"bad-input-{uuid.uuid4().hex[:8]}", redis_url))
    assert runs.pop("stolen") == (404, "RUN_NOT_FOUND")
    assert {name: run["state"] for name, run in runs.items()} == {
        name: "rejected" if name == "unknown model" else "completed" for name in AWKWARD
    }
    as_described = validator_of(api_document(), "Run")
    for run in runs.values():
        as_described.validate(run)
    assert runs["NUL"]["user"] == "a\ufffdb"
    assert runs["NUL"]["tags"] == {"nul\ufffd": "\ufffd"}
    assert runs["NUL"]["input"][0]["content"] == "nul \ufffd here"
    for name in ("emoji", "controls", "longest", "noncharacters"):
        assert runs[name]["user"] == AWKWARD[name]["user"]
        assert runs[name]["input"] == AWKWARD[name]["messages"]
    assert Run.objects.filter(tenant_id=str(seeded.id)).count() == len(AWKWARD)
    assert not QuarantinedEvent.objects.exists()
