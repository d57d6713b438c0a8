from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import AuthenticationFailed, PermissionDenied, ServiceUnavailable
from events.live.authentication import (
    credentials_of,
    set_client_address,
    set_key_authenticator,
    set_session_check,
    set_tenant_access,
    tenant_of,
)


@pytest.fixture(autouse=True)
def _no_hooks() -> Iterator[None]:
    yield
    set_key_authenticator(None)
    set_tenant_access(None)
    set_client_address(None)
    set_session_check(None)


def scope(*headers: tuple[str, str], user: Any = None, query: str = "") -> dict[str, Any]:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    return {"headers": encoded, "client": ("10.0.0.1", 5), "user": user, "query_string": query.encode()}


def person(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"is_authenticated": True, "is_active": True, "is_superuser": False, **fields})


@pytest.mark.parametrize(
    "header",
    [
        ("authorization", "Bearer sk-1"),
        ("x-api-key", "sk-1"),
        ("sec-websocket-protocol", "breakwater.v1, key.sk-1"),
    ],
)
async def test_the_key_is_found_wherever_a_client_can_put_it(header: tuple[str, str]):
    seen = []

    async def authenticate(key: str, client_ip: str) -> str:
        seen.append((key, client_ip))
        return "tenant-1"

    set_key_authenticator(authenticate)
    assert await tenant_of(credentials_of(scope(header))) == "tenant-1"
    assert seen == [("sk-1", "10.0.0.1")]


def test_a_subprotocol_of_the_clients_is_chosen_and_preferably_not_its_key():
    assert credentials_of(scope(("sec-websocket-protocol", "key.s, breakwater.v1"))).subprotocol == "breakwater.v1"
    assert credentials_of(scope(("sec-websocket-protocol", "key.s, other"))).subprotocol == "other"
    assert credentials_of(scope()).subprotocol is None


def test_the_clients_address_may_be_found_behind_proxies():
    set_client_address(lambda peer, headers: headers["x-forwarded-for"])
    assert credentials_of(scope(("x-forwarded-for", "192.0.2.7"))).client_ip == "192.0.2.7"


async def test_without_credentials_nobody_watches():
    with pytest.raises(AuthenticationFailed):
        await tenant_of(credentials_of(scope()))


async def test_before_the_gateway_is_up_keys_cannot_be_checked():
    with pytest.raises(ServiceUnavailable):
        await tenant_of(credentials_of(scope(("x-api-key", "sk-1"))))


SAME = (("origin", "https://console.example"), ("host", "console.example"))


async def test_a_member_watches_the_own_tenant_only():
    async def access(user: Any, tenant: str) -> str:
        return "id-of-mine" if tenant == "mine" else ""

    set_tenant_access(access)
    assert await tenant_of(credentials_of(scope(*SAME, user=person(), query="tenant=mine"))) == "id-of-mine"
    for query in ("tenant=other", "tenant=*", "tenant=", ""):
        with pytest.raises(PermissionDenied):
            await tenant_of(credentials_of(scope(*SAME, user=person(), query=query)))


async def test_a_superuser_watches_any_tenant_and_the_platform():
    boss = person(is_superuser=True)
    assert await tenant_of(credentials_of(scope(*SAME, user=boss, query="tenant=any"))) == "any"
    assert await tenant_of(credentials_of(scope(*SAME, user=boss))) == ""


@pytest.mark.parametrize("headers", [(), (("origin", "https://evil.example"), ("host", "console.example"))])
async def test_another_sites_page_cannot_use_the_session(headers: tuple[tuple[str, str], ...]):
    with pytest.raises(PermissionDenied):
        await tenant_of(credentials_of(scope(*headers, user=person(is_superuser=True), query="tenant=any")))


async def test_an_inactive_user_watches_nothing():
    with pytest.raises(PermissionDenied):
        await tenant_of(credentials_of(scope(*SAME, user=person(is_active=False, is_superuser=True))))


def test_a_session_that_counts_no_longer_is_nobodys():
    set_session_check(lambda session, user: session == "fresh")

    assert credentials_of({**scope(user=person()), "session": "fresh"}).user is not None
    assert credentials_of({**scope(user=person()), "session": "stale"}).user is None
