"""The control plane while Redis is gone: people get in, pages and the management API answer, nothing is a 500."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache, caches
from django.test import Client

from controlplane.embedded.layout import Layout
from controlplane.embedded.redis import EmbeddedRedis
from gateway import process
from tests.isolation.planted import keys_of, plant
from tests.isolation.test_every_url import Address, addresses
from tests.stack.installation import Server
from tests.tenants.factories import make_operator, make_user
from tests.tenants.signing_in.people import PASSWORD, set_up_totp, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, settings) -> Iterator[Server]:
    """A Redis of the test's own, which all of the control plane uses."""
    layout = Layout(Path(tmp_path_factory.mktemp("r")))
    server = Server(EmbeddedRedis(layout, durable=False), layout.logs)
    server.start()
    settings.REDIS_URL = layout.redis_url()
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": layout.redis_url()}}
    process.stop()
    try:
        yield server
    finally:
        process.stop()
        server.kill()


@pytest.fixture
def no_redis(server: Server) -> None:
    """It was there, and is gone."""
    cache.set("seen", True)
    assert cache.get("seen") is True
    server.kill()


def test_people_sign_in_with_both_factors_and_out(client: Client, no_redis: None) -> None:
    make_user(username="ada", password=PASSWORD)

    assert sign_in(client, "ada", "wrong").status_code == 200
    assert sign_in(client, "ada").status_code == 302
    set_up_totp(client)
    assert client.get("/account/").status_code == 200
    assert client.post("/account/logout/").status_code == 302


def test_guessing_is_still_throttled_and_the_log_says_by_whom(
    client: Client, no_redis: None, caplog: pytest.LogCaptureFixture
) -> None:
    make_user(username="ada", password=PASSWORD)
    with caplog.at_level(logging.WARNING, "controlplane.outage_cache"):
        for _ in range(5):
            sign_in(client, "ada", "wrong")
        answer = sign_in(client, "ada")

    assert "Too many failed attempts" in answer.content.decode()
    assert "this process's memory" in caplog.text


def test_redis_is_used_again_once_it_is_back(server: Server, no_redis: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set("during", 1)
    assert cache.get("during") == 1
    server.start()
    monkeypatch.setattr(caches["default"], "_paused_until", 0.0)

    assert cache.get("during") is None
    cache.set("after", 2)
    assert cache.get("after") == 2


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_every_page_and_every_request_is_answered(no_redis: None, method: str, settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    client = Client(raise_request_exception=False)
    client.force_login(make_operator(username="admin", password=PASSWORD))
    keys = keys_of(plant("alpha").tenant)
    kinds = {"operators", "tenants", "public"} if method == "GET" else {"tenants"}
    wrong, answered = [], 0
    for address in addresses():
        # Pages that change something are tried one by one in their own tests; here it is whether they open at all.
        if address.kind in kinds and "logout" not in address.route:
            path = address.path(_key_of(address, keys))
            response = client.generic(method, path, b"{}", content_type="application/json")
            answered += response.status_code < 400
            wrong += [f"{method} {path}: {response.status_code}"] * _is_bad(address, response)

    assert wrong == []
    assert answered > {"GET": 60}.get(method, 0)


def _key_of(address: Address, keys: dict[str, set[str]]) -> str:
    """Of a row that is behind the address, if it says of what table."""
    app_and_model = address.route.split("/")[1:3]
    own = keys.get(address.table or "_".join(app_and_model), set()) or set().union(*keys.values())
    return next((key for key in sorted(own) if address.accepts(key)), "")


def _is_bad(address: Address, response) -> bool:
    """Whether the answer is a failure, or one to a program that is not structured."""
    if response.status_code == 503 or response.status_code < 500:
        structured = "json" in response.headers.get("Content-Type", "json")
        return address.kind == "tenants" and response.status_code >= 400 and not structured
    return True


def test_changes_are_made_by_the_management_api_and_told_later(no_redis: None) -> None:
    client = Client()
    client.force_login(make_operator())

    answer = client.post(
        "/api/v1/tenants", {"slug": "acme", "name": "Acme"}, "application/json", headers={"idempotency-key": "once"}
    )

    assert answer.status_code == 201
    assert client.get(f"/api/v1/tenants/{answer.json()['id']}").json()["slug"] == "acme"
