"""Recognisable secrets are planted everywhere, the product is driven hard, and everything it leaves is searched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.core.cache import cache as django_cache
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from events.collector.collector import Collector
from events.collector.database import conninfo
from events.collector.metrics import CollectorMetrics
from events.collector.store import EventStore
from events.emit import ProcessEmitter
from events.engine.bus import RedisCollectorBus
from events.models import EventRecord
from gateway import process
from routing.models import Provider
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.emitting import set_emitter
from tenants.keys import given_key
from tenants.models import StoredSecret
from tenants.secret_services import create_secret, replace_secret
from tenants.secrets.process import process_cipher, process_secrets
from tenants.service_keys import create_service_key
from tenants.services import create_key, revoke_key, rotate_key
from tests.tenants.factories import make_operator, make_tenant
from tests.tenants.secrets.stores import Answer, Store, VaultStore, ok, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

PLANTED = {
    "encryption key": "planted-encryption-key-0000000000000001",
    "provider credential in the environment": "sk-planted-env-1111",
    "provider credential in the database": "sk-planted-db-2222",
    "its successor": "sk-planted-db-3333",
    "provider credential in the platform's database": "sk-planted-platform-4444",
    "provider credential in vault": "sk-planted-vault-5555",
    "vault token": "hvs.planted-6666",
    "a credential that was typed into the wrong field": "sk-planted-typed-7777",
}
ENV, DB, NEXT, PLATFORM, VAULT = list(PLANTED.values())[1:6]
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


class QuotingProvider(Store):
    """Takes some keys, and quotes back whatever it was sent otherwise, in every place that an error has."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = {f"Bearer {key}" for key in (ENV, NEXT, PLATFORM, VAULT)}
        self.seen: set[str] = set()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        sent = headers.get("authorization", "")
        self.seen.add(sent.removeprefix("Bearer "))
        status = path.strip("/").split("/")[0]
        if status != "200" or sent not in self.taken:
            code = int(status) if status != "200" else 401
            said = {"message": f"{'x' * 470} {sent} {headers}", "param": sent, "code": f"bad-{sent}", "type": sent}
            return code, {"error": said}, {"x-quoted": sent}
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return ok({"id": "1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage})


@pytest.fixture
def planted(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_client: Any) -> Iterator[Any]:
    """A gateway of this process whose secrets are all planted, and the provider that it calls."""
    vault = VaultStore()
    vault.issue(PLANTED["vault token"])
    vault.secrets["kv/llm"] = {"key": VAULT}
    monkeypatch.setenv("PLANTED_API_KEY", ENV)
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SECRETS_KEYS = (PLANTED["encryption key"],)
    process_cipher.cache_clear()
    process_secrets.cache_clear()
    set_emitter(ProcessEmitter())
    with serving(vault), serving(QuotingProvider()) as provider:
        settings.VAULT_ADDR, settings.VAULT_TOKEN = vault.address, PLANTED["vault token"]
        yield provider
        process.stop()
    set_emitter(None)
    process_secrets().close()
    process_secrets.cache_clear()
    process_cipher.cache_clear()


def furnish(provider: QuotingProvider) -> tuple[Any, str, list[str]]:
    """A tenant, a key for it, and a model for each place of a credential and each way of failing."""
    tenant = make_tenant(payload_storage="stored")
    _key, clear = create_key(tenant=tenant, name="app", clear_key=given_key("bw_planted8_app-key-in-clear-8888"))
    create_secret(name="llm", value=DB, tenant=tenant)
    create_secret(name="llm", value=PLATFORM)
    references = {"env": "env:PLANTED_API_KEY", "vault": "vault:kv/llm#key", "db": "db:llm"}
    models: list[str] = []
    for place, reference in references.items():
        for status in (200, 400, 401, 403, 404, 429, 500) if place == "env" else (200, 401, 500):
            name = f"{place}-{status}"
            address = f"http://127.0.0.1:{provider.port}/{status}/v1"
            made = create_provider(name=name, kind="openai", base_url=address, secret_ref=reference)
            models.append(create_model(provider=made, name=f"m-{name}").name)
    own = create_provider(
        name="own",
        kind="openai",
        base_url=f"http://127.0.0.1:{provider.port}/200/v1",
        secret_ref="db:llm",
        tenant=tenant,
    )
    own_model = create_model(provider=own, name="m-own")
    create_route(name="own", tenant=tenant, is_default=True, targets=[TargetChoice(model=own_model)])
    return tenant, clear, models


def call(clear: str, model: str, **fields: Any) -> tuple[int, str]:
    client = APIClient(raise_request_exception=False)
    headers = {"authorization": f"Bearer {clear}"}
    answer: Any = client.post(
        "/v1/chat/completions", {"model": model, **HELLO, **fields}, format="json", headers=headers
    )
    content = answer.getvalue() if answer.streaming else answer.content
    return answer.status_code, f"{content.decode()} {dict(answer.items())}"


def look_at_every_page(client: Any) -> str:
    """Lists, forms and histories of everything that is registered, and pages that are not there."""
    seen = []
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        rows = list(model._base_manager.order_by("pk")[:3])
        addresses = [reverse(f"{base}_changelist")]
        addresses += [reverse(f"{base}_{name}", args=(row.pk,)) for row in rows for name in ("change", "history")]
        if model in (StoredSecret, Provider):
            addresses.append(reverse(f"{base}_add"))
        for address in addresses:
            answer = client.get(address)
            seen.append(f"{address} {answer.status_code} {getattr(answer, 'content', b'').decode()}")
    for address in ("/health", "/health/detailed", "/metrics", "/nowhere", "/admin/nowhere", "/v1/nowhere"):
        answer = client.get(address)
        content = answer.getvalue() if answer.streaming else answer.content
        seen.append(f"{address} {answer.status_code} {content.decode()}")
    return "\n".join(seen)


def collect_events() -> None:
    """Bring what was emitted into PostgreSQL."""

    async def until_all_are_there() -> None:
        collector = Collector(
            bus=RedisCollectorBus.from_url(django_settings.REDIS_URL),
            store=EventStore(conninfo(), retention=timedelta(days=30)),
            sink=_Nobody(),
            metrics=CollectorMetrics(),
            consumer="leaks",
        )
        running = asyncio.create_task(collector.run())
        async with asyncio.timeout(30):
            for kind in ("secret.value.accessed", "llm.request.failed", "key.state.changed"):
                while not await EventRecord.objects.filter(event_type=kind).aexists():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        collector.stop()
        await running

    asyncio.run(until_all_are_there())


class _Nobody:
    async def publish(self, tenant_id: str, events: Any) -> None:
        """Nobody watches."""


def dump_of_the_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
        )
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} AS t")
            rows += [f"{table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(rows)


def dump_of_redis(redis: Any) -> str:
    return "\n".join(f"{name} {redis.dump(name)!r}" for name in redis.scan_iter())


def found(text: str, clear_keys: dict[str, str]) -> list[str]:
    """Which planted secrets the text has, as they are or in hexadecimal (as PostgreSQL shows bytes)."""
    secrets = {**PLANTED, **clear_keys}
    return [what for what, value in secrets.items() if value in text or value.encode().hex() in text]


def test_no_planted_secret_appears_anywhere_in_clear(planted, client, caplog, capfd, redis_client):
    caplog.set_level(logging.DEBUG)
    django_cache.clear()
    tenant, clear, models = furnish(planted)
    _service, service_clear = create_service_key(name="planted", tenant=tenant)
    rotated, rotated_clear = create_key(tenant=tenant, name="rotated")
    successor, successor_clear = rotate_key(key=rotated)
    clear_keys = {
        "API key": clear,
        "service key": service_clear,
        "rotated key": rotated_clear,
        "its successor": successor_clear,
    }

    answers = [call(clear, model) for model in models]
    answers += [call(clear, model, stream=True) for model in models]
    assert {status for status, _ in answers} >= {200, 400, 502}
    answers.append(call(clear, "m-own"))
    replace_secret(secret=StoredSecret.objects.for_tenant(tenant.pk).get(), value=NEXT)
    answers += [call(clear, "m-own"), call(rotated_clear, "m-own"), call("bw_nobody", "m-own")]
    assert answers[-3][0] == 200
    revoke_key(key=successor)
    answers.append(call(successor_clear, "m-own"))
    assert {ENV, DB, NEXT, PLATFORM, VAULT} <= planted.seen

    client.force_login(make_operator(username="leaks"))
    client.raise_request_exception = False
    pages = look_at_every_page(client)
    typed = PLANTED["a credential that was typed into the wrong field"]
    form = {"tenant": "", "name": "bad name", "value": typed, "description": ""}
    refused = client.post(reverse("admin:tenants_storedsecret_add"), form).content.decode()
    collect_events()
    log = f"{caplog.text} {''.join(capfd.readouterr())}"
    spool = b"".join(path.read_bytes() for path in Path(django_settings.SPOOL_DIR).rglob("*") if path.is_file())

    left = {
        "answers": str(answers),
        "pages": pages,
        "a form that was sent back": refused,
        "the log": log,
        "the spool": spool.decode(errors="replace"),
        "Redis": dump_of_redis(redis_client),
        "the database": dump_of_the_database(),
    }
    assert {where: found(text, clear_keys) for where, text in left.items()} == {where: [] for where in left}
    assert "secret.value.accessed" in left["the database"]
    assert "db:llm" in left["pages"]


def test_a_broken_page_shows_none_of_what_it_was_working_with(planted, client, caplog, monkeypatch):
    typed = PLANTED["a credential that was typed into the wrong field"]

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("tenants.admin_secrets.save_row", broken)
    client.force_login(make_operator(username="leaks"))
    client.raise_request_exception = False

    answer = client.post(
        reverse("admin:tenants_storedsecret_add"), {"tenant": "", "name": "llm", "value": typed, "description": ""}
    )

    assert answer.status_code == 500
    assert found(f"{answer.content.decode()} {caplog.text}", {}) == []
