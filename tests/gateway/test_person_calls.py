"""Calls that people make from pages: whose they are, how their answers stream, and that leaving ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import msgspec
import pytest
from django.test import AsyncClient, RequestFactory

from gateway import process
from gateway.person_calls import _events, answer_to_person, call_of_person
from gateway.process import running
from routing.catalogue import SANDBOX, register
from routing.models import Provider
from routing.services import TargetChoice, create_route, update_provider
from tenants.models import Tenant, User
from tenants.playground_keys import clear_playground_key, playground_key
from tenants.services import set_membership
from tests.stack.installation import eventually
from tests.tenants.factories import make_tenant, make_user

pytestmark = pytest.mark.django_db(transaction=True)

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello sea"}]}


@pytest.fixture(autouse=True)
def _gateway() -> Iterator[None]:
    process.stop()
    yield
    process.stop()


@pytest.fixture
def tenant() -> Tenant:
    models = {model.name: model for model in register(SANDBOX).models.all()}
    create_route(name="default", is_default=True, targets=[TargetChoice(model=models["sandbox-small"])])
    return make_tenant(slug="acme")


@pytest.fixture
def user(tenant: Tenant) -> User:
    user = make_user()
    set_membership(user=user, tenant=tenant, role="developer")
    return user


class Recorded:
    """What the gateway emits, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Any] = []
        emitter = running().runtime._outlet.emitter
        emit = emitter.emit

        def record(payload: Any, context: Any) -> None:
            self.events.append(payload)
            emit(payload, context)

        monkeypatch.setattr(emitter, "emit", record)

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == kind]


def test_a_call_is_the_persons_under_their_own_key(tenant, user, monkeypatch):
    recorded = Recorded(monkeypatch)
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")

    call = call_of_person(request, tenant, user, {**HELLO, "user": "forged", "tags": {"a": "b"}}, source="playground")
    answer = answer_to_person(call)

    assert answer.status == 200
    assert call.client_ip == "192.0.2.7"
    (started,) = recorded.of("RequestStarted")
    key = playground_key(tenant=tenant, user=user)
    assert key is not None
    assert (started.user, started.key_id) == (user.username, str(key.pk))
    assert started.tags == {"a": "b", "source": "playground"}


def test_tags_as_a_list_are_kept(tenant, user):
    call = call_of_person(RequestFactory().post("/"), tenant, user, {**HELLO, "tags": ["blue"]})

    assert msgspec.json.decode(call.body)["tags"] == {"blue": "", "source": "playground"}


async def test_leaving_in_the_middle_of_a_stream_ends_the_call(tenant, user, monkeypatch):
    recorded = await asyncio.to_thread(Recorded, monkeypatch)
    call = await asyncio.to_thread(_slow_call, tenant, user, {"token_interval_ms": 200})
    stream: AsyncGenerator[bytes, None] = running().each(_events(call))

    assert b"event: head" in await anext(stream)
    await stream.aclose()

    (failed,) = await eventually(lambda: recorded.of("RequestFailed"), "the call has ended")
    assert failed.error_code == "CLIENT_DISCONNECTED"


async def test_leaving_before_the_first_token_ends_the_call(tenant, user, monkeypatch):
    recorded = await asyncio.to_thread(Recorded, monkeypatch)
    call = await asyncio.to_thread(_slow_call, tenant, user, {"latency_ms": 20_000})
    stream = running().each(_events(call))
    first = asyncio.ensure_future(anext(stream))
    await eventually(lambda: recorded.of("RequestStarted"), "the call has begun")

    first.cancel()

    (failed,) = await eventually(lambda: recorded.of("RequestFailed"), "the call has ended")
    assert failed.error_code == "CLIENT_DISCONNECTED"


async def test_an_asgi_server_gets_the_answer_piece_by_piece(tenant, user):
    client = AsyncClient()
    await client.aforce_login(user)
    body = msgspec.json.encode({**HELLO, "stream": True})

    response: Any = await client.post("/t/acme/playground/answer/", body, content_type="application/json")

    assert response.is_async
    pieces = [piece async for piece in response.streaming_content]
    assert pieces[0].startswith(b"event: head")
    assert len(pieces) > 2
    assert pieces[-1].endswith(b"data: [DONE]\n\n")
    clear = await asyncio.to_thread(lambda: clear_playground_key(tenant=tenant, user=user))
    assert clear.encode() not in b"".join(pieces)


def _slow_call(tenant: Tenant, user: User, options: dict[str, Any]) -> Any:
    provider = Provider.objects.of_platform().get(kind="sandbox")
    update_provider(provider=provider, options={**provider.options, **options})
    return call_of_person(RequestFactory().post("/"), tenant, user, {**HELLO, "stream": True})
