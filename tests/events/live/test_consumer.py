import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import connections
from redis.asyncio import Redis

from contracts.errors import AuthenticationFailed
from contracts.events import EventContext
from events.collector.database import conninfo
from events.collector.store import EventStore
from events.live import consumer as consumer_module
from events.live.authentication import set_key_authenticator
from events.live.consumer import LiveConsumer
from events.live.outbox import Outbox
from events.live.sink import ChannelsSink
from tests.events.builders import attempt_completed, batch, completed, context, line, started

# Redis shares pub/sub between its databases, hence also between parallel workers: each has tenants of its own.
MINE, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
TENANTS = {"key-a": MINE, "key-b": OTHER}


def _of(correlation_id: str = "") -> EventContext:
    return context(correlation_id, tenant_id=MINE)


@pytest.fixture(autouse=True)
def _keys() -> Iterator[None]:
    async def authenticate(key: str, client_ip: str) -> str:
        if key not in TENANTS:
            raise AuthenticationFailed("This API key is not known.")
        return TENANTS[key]

    set_key_authenticator(authenticate)
    yield
    set_key_authenticator(None)


@pytest.fixture(autouse=True)
async def _layer(redis: Redis) -> AsyncIterator[None]:
    yield
    await get_channel_layer().flush()


def _client(key: str) -> WebsocketCommunicator:
    headers = [(b"x-api-key", key.encode())]
    return WebsocketCommunicator(LiveConsumer.as_asgi(), "/v1/ws", headers=headers)


@asynccontextmanager
async def _watching(key: str = "key-a", **subscription: Any) -> AsyncIterator[WebsocketCommunicator]:
    client = _client(key)
    accepted, _ = await client.connect()
    assert accepted
    if subscription:
        await client.send_json_to({"type": "subscribe", **subscription})
        answer = await client.receive_json_from()
        assert answer["type"] == "subscribed"
    try:
        yield client
    finally:
        await client.disconnect()


async def _closed_with(client: WebsocketCommunicator) -> tuple[dict[str, Any], int]:
    error = await client.receive_json_from()
    closing = await client.receive_output()
    assert closing["type"] == "websocket.close"
    return error, closing["code"]


async def test_an_unknown_key_is_told_why_and_disconnected():
    client = _client("wrong")
    await client.connect()
    error, code = await _closed_with(client)
    assert error["error"]["code"] == "INVALID_API_KEY"
    assert code == 4401


async def test_a_subscriber_to_all_sees_events_and_states_of_its_tenant_in_order():
    async with _watching(all=True) as client:
        of = _of("c1")
        await ChannelsSink().publish(MINE, [line(started(), of), line(completed(), of)])
        messages = [await client.receive_json_from() for _ in range(4)]
        assert [message["type"] for message in messages] == ["run.event", "run.state", "run.event", "run.state"]
        assert [message["state"] for message in messages[1::2]] == ["running", "completed"]
        assert messages[0]["event"]["event_type"] == "llm.request.started"


async def test_without_a_subscription_nothing_is_sent():
    async with _watching() as client:
        await ChannelsSink().publish(MINE, [line(started(), _of())])
        assert await client.receive_nothing(0.2)


async def test_another_tenants_events_are_never_seen():
    async with _watching("key-b", all=True) as other, _watching("key-a", all=True) as client:
        await ChannelsSink().publish(MINE, [line(started(), _of())])
        assert (await client.receive_json_from())["type"] == "run.event"
        assert await other.receive_nothing(0.2)


async def test_a_subscription_by_type_selects():
    async with _watching(event_types=["llm.attempt.*"]) as client:
        of = _of("c1")
        await ChannelsSink().publish(MINE, [line(started(), of), line(attempt_completed(), of)])
        message = await client.receive_json_from()
        assert message["event"]["event_type"] == "llm.attempt.completed"
        assert await client.receive_nothing(0.1)


async def test_a_message_that_is_none_is_answered_with_an_error_and_the_connection_lives():
    async with _watching() as client:
        await client.send_to(text_data="what?")
        error = await client.receive_json_from()
        assert (error["type"], error["error"]["code"]) == ("error", "INVALID_REQUEST")
        await client.send_json_to({"type": "ping"})
        assert await client.receive_json_from() == {"type": "pong"}


async def test_a_slow_client_is_told_what_it_missed_and_others_miss_nothing(monkeypatch: pytest.MonkeyPatch):
    released = asyncio.Event()
    original = LiveConsumer.send

    async def slow_for_b(self: LiveConsumer, text_data: Any = None, **kwargs: Any) -> None:
        if "run.event" in (text_data or "") and getattr(self, "tenant_id", "") == OTHER:
            await released.wait()
        await original(self, text_data, **kwargs)

    monkeypatch.setattr(LiveConsumer, "send", slow_for_b)
    monkeypatch.setattr(consumer_module, "Outbox", lambda: Outbox(limit=5))
    async with _watching("key-b", all=True) as slow, _watching("key-a", all=True) as quick:
        for _ in range(40):
            await ChannelsSink().publish(OTHER, [line(attempt_completed(), context(tenant_id=OTHER))])
            await ChannelsSink().publish(MINE, [line(attempt_completed(), _of())])
            assert (await quick.receive_json_from())["type"] == "run.event"
        released.set()
        received: list[dict[str, Any]] = []
        while not received or received[-1]["type"] != "dropped":
            received.append(await slow.receive_json_from())
        assert len(received) - 1 + received[-1]["count"] == 40
        assert received[-1]["count"] > 0


async def test_a_client_that_takes_nothing_is_disconnected(monkeypatch: pytest.MonkeyPatch):
    original = LiveConsumer.send

    async def never(self: LiveConsumer, text_data: Any = None, **kwargs: Any) -> None:
        if "run.event" in (text_data or ""):
            await asyncio.Event().wait()
        await original(self, text_data, **kwargs)

    monkeypatch.setattr(LiveConsumer, "send", never)
    monkeypatch.setattr(consumer_module, "SEND_TIMEOUT_S", 0.05)
    async with _watching(all=True) as client:
        await ChannelsSink().publish(MINE, [line(started(), _of())])
        closing = await client.receive_output()
        assert closing == {"type": "websocket.close", "code": consumer_module.SLOW_CONSUMER}


async def test_a_revoked_key_ends_the_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "RECHECK_S", 0.02)
    monkeypatch.setitem(TENANTS, "key-c", "tenant-c")
    client = _client("key-c")
    await client.connect()
    monkeypatch.delitem(TENANTS, "key-c")
    _, code = await _closed_with(client)
    assert code == 4401


@pytest.mark.django_db(transaction=True)
async def test_a_subscription_by_correlation_id_first_replays_what_the_run_has_had():
    of = _of("c1")
    first, second = line(started(), of), line(completed(), of)
    store = EventStore(await sync_to_async(conninfo)(), retention=timedelta(days=30))
    try:
        await store.write([batch(first + b"\n")])
        async with _watching(correlation_id="c1") as client:
            replayed = await client.receive_json_from()
            assert replayed["type"] == "run.event"
            # PostgreSQL orders the payload's keys its own way; the content is the same.
            assert replayed["event"] == msgspec.json.decode(first)
            assert (await client.receive_json_from())["state"] == "running"
            await ChannelsSink().publish(MINE, [first, second])
            live = await client.receive_json_from()
            assert live["event"]["event_type"] == "llm.request.completed"
    finally:
        await store.aclose()
        await sync_to_async(connections.close_all)()
