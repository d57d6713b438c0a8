"""What signed-in people see: one tenant or the whole platform, filtered, counted and capped, while they may."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from redis.asyncio import Redis

from events.live import consumer as consumer_module
from events.live.authentication import EVERYTHING, set_session_check, set_tenant_access
from events.live.routing import websocket_urlpatterns
from events.live.sink import ChannelsSink
from tests.events.builders import completed, context, line, started

MINE, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))

pytestmark = pytest.mark.django_db(transaction=True)


class Access:
    """Who may watch what, as a higher layer would say."""

    def __init__(self) -> None:
        self.allowed = {"mine": MINE}

    async def __call__(self, _user: Any, tenant: str) -> str:
        return self.allowed.get(tenant, "")


@pytest.fixture(autouse=True)
def access() -> Iterator[Access]:
    access = Access()
    set_tenant_access(access)
    set_session_check(None)
    yield access
    set_tenant_access(None)


@pytest.fixture(autouse=True)
async def _layer(redis: Redis) -> AsyncIterator[None]:
    yield
    await get_channel_layer().flush()


def _session() -> str:
    """A signed-in person's session key."""
    name = uuid.uuid4().hex
    user = get_user_model().objects.create_user(username=name, email=f"{name}@example.org", password="correct horse")
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


def _client(session: str, tenant: str) -> WebsocketCommunicator:
    headers = [
        (b"origin", b"http://here"),
        (b"host", b"here"),
        (b"cookie", f"breakwater_session={session}".encode()),
    ]
    application = websocket_urlpatterns[0].callback
    return WebsocketCommunicator(application, f"/v1/ws?tenant={tenant}", headers=headers)


@asynccontextmanager
async def _watching(tenant: str = "mine", **subscription: Any) -> AsyncIterator[WebsocketCommunicator]:
    client = _client(await sync_to_async(_session)(), tenant)
    accepted, _ = await client.connect()
    assert accepted
    try:
        if subscription:
            await client.send_json_to({"type": "subscribe", **subscription})
            assert (await client.receive_json_from(5))["type"] == "subscribed"
        yield client
    finally:
        await client.disconnect()


async def _refused_with(client: WebsocketCommunicator) -> int:
    await client.receive_json_from(5)
    closing = await client.receive_output(5)
    assert closing["type"] == "websocket.close"
    return int(closing["code"])


def _line(tenant_id: str, **fields: Any) -> bytes:
    return line(completed(**fields), context(tenant_id=tenant_id))


async def test_a_member_sees_the_own_tenants_events_and_never_anothers():
    async with _watching(all=True) as client:
        await ChannelsSink().publish(OTHER, [_line(OTHER)])
        await ChannelsSink().publish("", [_line("")])
        # Not even what would come through the own group by mistake.
        await ChannelsSink().publish(MINE, [_line(OTHER), _line(MINE)])
        assert (await client.receive_json_from(5))["event"]["tenant_id"] == MINE
        assert (await client.receive_json_from(5))["type"] == "run.state"
        assert await client.receive_nothing(0.2)


@pytest.mark.parametrize("tenant", ["other", OTHER, EVERYTHING, ""])
async def test_a_member_may_not_watch_what_is_not_theirs(tenant: str):
    client = _client(await sync_to_async(_session)(), tenant)
    await client.connect()
    assert await _refused_with(client) == 4403


async def test_filters_cannot_widen_what_a_member_sees():
    async with _watching(id="s1", event_types=["*"], tenants=[OTHER], detail="summary") as client:
        await ChannelsSink().publish(OTHER, [_line(OTHER)])
        await ChannelsSink().publish(MINE, [_line(MINE)])
        assert await client.receive_nothing(0.4)


async def test_an_operator_sees_every_tenants_events_once(access: Access):
    access.allowed[EVERYTHING] = EVERYTHING
    async with _watching(EVERYTHING, id="s1", all=True) as client:
        for tenant in (MINE, OTHER, ""):
            await ChannelsSink().publish(tenant, [_line(tenant)])
        told = [await client.receive_json_from(5) for _ in range(3)]
        assert [message["event"]["tenant_id"] for message in told] == [MINE, OTHER, ""]
        assert await client.receive_nothing(0.1)


async def test_the_server_filters_by_type_tenant_and_route(access: Access):
    access.allowed[EVERYTHING] = EVERYTHING
    wanted = {"event_types": ["llm.request.*"], "tenants": [MINE], "routes": ["chat"]}
    async with _watching(EVERYTHING, id="s1", **wanted) as client:
        await ChannelsSink().publish(OTHER, [_line(OTHER, route="chat")])
        other_kinds = [line(started(), context(tenant_id=MINE)), _line(MINE, route="search")]
        await ChannelsSink().publish(MINE, [*other_kinds, _line(MINE, route="chat", model="this one")])
        assert (await client.receive_json_from(5))["event"]["payload"]["model"] == "this one"
        assert await client.receive_nothing(0.1)


async def test_a_summary_counts_instead_of_showing():
    async with _watching(id="s1", event_types=["llm.*"], detail="summary") as client:
        await ChannelsSink().publish(MINE, [_line(MINE, route="chat") for _ in range(40)])
        told = await client.receive_json_from(5)
        assert told["type"] == "summary"
        assert told["events"] == [
            {"event_type": "llm.request.completed", "tenant_id": MINE, "route": "chat", "count": 40}
        ]


async def test_a_subscription_is_replaced_and_ended_by_its_id():
    async with _watching(id="s1", event_types=["breaker.*"]) as client:
        await client.send_json_to({"type": "subscribe", "id": "s1", "event_types": ["llm.*"]})
        assert (await client.receive_json_from(5))["id"] == "s1"
        await ChannelsSink().publish(MINE, [_line(MINE)])
        assert (await client.receive_json_from(5))["type"] == "run.event"
        await client.send_json_to({"type": "unsubscribe", "id": "s1"})
        assert await client.receive_json_from(5) == {"type": "unsubscribed", "id": "s1"}
        await ChannelsSink().publish(MINE, [_line(MINE)])
        assert await client.receive_nothing(0.2)


async def test_events_are_gathered_into_frames_where_a_client_asks_for_it():
    async with _watching(id="s1", all=True) as client:
        await client.send_json_to({"type": "configure", "frame_ms": 100})
        assert (await client.receive_json_from(5))["messages"][0]["type"] == "configured"
        await ChannelsSink().publish(MINE, [_line(MINE) for _ in range(30)])
        frame = await client.receive_json_from(5)
        assert frame["type"] == "frame"
        assert [message["type"] for message in frame["messages"]] == ["run.event"] * 30


async def test_what_is_above_the_cap_is_dropped_with_a_count_and_still_summed_up():
    async with _watching(id="counts", all=True, detail="summary") as client:
        await client.send_json_to({"type": "configure", "frame_ms": 50, "max_events_per_s": 10})
        await client.receive_json_from(5)
        await client.send_json_to({"type": "subscribe", "id": "tail", "all": True})
        await client.receive_json_from(5)
        await ChannelsSink().publish(MINE, [_line(MINE) for _ in range(100)])
        messages: list[dict[str, Any]] = []
        while not any(message["type"] == "summary" for message in messages):
            messages += (await client.receive_json_from(5))["messages"]
        shown = sum(message["type"] == "run.event" for message in messages)
        missing = sum(message["count"] for message in messages if message["type"] == "dropped")
        assert (shown, missing) == (10, 90)
        (row,) = next(message["events"] for message in messages if message["type"] == "summary")
        assert row["count"] == 100


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe", "id": "s1"},
        {"type": "subscribe", "all": True, "routes": ["chat"]},
        {"type": "subscribe", "id": "s1", "correlation_id": "c1"},
        {"type": "subscribe", "id": "s1", "event_types": ["x"] * 101},
        {"type": "configure", "frame_ms": 60_000},
        {"type": "configure", "max_events_per_s": 0},
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_reason(message: dict[str, Any]):
    async with _watching() as client:
        await client.send_json_to(message)
        assert (await client.receive_json_from(5))["error"]["code"] == "INVALID_REQUEST"


async def test_a_revoked_membership_ends_the_connection(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "RECHECK_S", 0.05)
    async with _watching() as client:
        access.allowed.clear()
        assert await _refused_with(client) == 4403


async def test_signing_out_ends_the_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "RECHECK_S", 0.05)
    session = await sync_to_async(_session)()
    client = _client(session, "mine")
    await client.connect()
    await sync_to_async(SessionStore(session).flush)()
    assert await _refused_with(client) == 4401


async def test_a_disabled_account_and_a_new_password_end_the_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "RECHECK_S", 0.05)

    def disable(session: str) -> None:
        user = get_user_model().objects.get(pk=SessionStore(session)[SESSION_KEY])
        user.is_active = False
        user.save()

    def change_password(session: str) -> None:
        user = get_user_model().objects.get(pk=SessionStore(session)[SESSION_KEY])
        user.set_password("another horse")
        user.save()

    for end in (disable, change_password):
        session = await sync_to_async(_session)()
        client = _client(session, "mine")
        await client.connect()
        await sync_to_async(end)(session)
        assert await _refused_with(client) == 4401


async def test_a_session_that_counts_no_longer_ends_the_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "RECHECK_S", 0.05)
    async with _watching() as client:
        set_session_check(lambda _session, _user: False)
        assert await _refused_with(client) == 4401


def test_half_a_minute_is_kept():
    assert consumer_module.RECHECK_S < 30
