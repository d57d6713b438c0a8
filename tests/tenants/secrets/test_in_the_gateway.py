"""Credentials on their way from where they are kept to a provider, through a gateway of this process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from gateway import process
from routing.services import create_model, create_provider, update_provider
from tenants.secret_services import create_secret, delete_secret, replace_secret
from tenants.secrets.process import process_cipher, process_secrets
from tenants.services import create_key
from tests.tenants.factories import make_tenant
from tests.tenants.secrets.stores import Answer, Store, VaultStore, ok, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

ROOT = Path(__file__).parents[3]
WITHIN_S = 1.0


class Provider(Store):
    """Notes which keys it is sent; takes any, or only ``taken``."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: str | None = None
        self.keys: list[str] = []

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        key = headers.get("authorization", "").removeprefix("Bearer ")
        self.keys.append(key)
        if self.taken is not None and key != self.taken:
            return 401, {"error": {"message": "no"}}, {}
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        return ok({"id": "1", "object": "chat.completion", "created": 1, "choices": [choice]})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@pytest.fixture
def provider(settings: Any, tmp_path: Path, redis_client: Any) -> Iterator[Provider]:
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SECRETS_KEYS = ("k" * 40,)
    process_cipher.cache_clear()
    process_secrets.cache_clear()
    made = Provider()
    with serving(made):
        yield made
    process.stop()
    process_secrets().close()
    process_secrets.cache_clear()
    process_cipher.cache_clear()


def call(clear: str, model: str = "m") -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    client: Any = APIClient(raise_request_exception=False)
    answer = client.post("/v1/chat/completions", body, format="json", headers={"authorization": f"Bearer {clear}"})
    return int(answer.status_code)


def served(clear: str) -> None:
    """Wait until the gateway is warm: a busy machine may not load the first specs in time."""
    deadline = time.monotonic() + 20
    while call(clear) != 200:
        assert time.monotonic() < deadline


def subscribed() -> None:
    """Wait until the gateway hears of changes."""
    deadline = time.monotonic() + 10
    while not process.running().runtime._listener.subscribed:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("of_tenant", [True, False], ids=["a tenant's", "the platform's"])
def test_a_new_value_of_a_stored_secret_is_used_within_a_second(provider, of_tenant):
    tenant = make_tenant()
    owner = tenant if of_tenant else None
    _key, clear = create_key(tenant=tenant, name="k")
    secret = create_secret(name="llm", value="first", tenant=owner)
    made = create_provider(name="p", kind="openai", base_url=provider.base_url, secret_ref="db:llm", tenant=owner)
    create_model(provider=made, name="m")
    served(clear)
    subscribed()
    served(clear)
    assert set(provider.keys) == {"first"}

    replace_secret(secret=secret, value="second")
    changed_at = time.monotonic()
    while provider.keys[-1] != "second":
        assert call(clear) == 200
        assert time.monotonic() < changed_at + WITHIN_S

    delete_secret(secret=secret)
    deleted_at = time.monotonic()
    while provider.keys[-1] != "":
        call(clear)
        assert time.monotonic() < deleted_at + WITHIN_S


def test_a_credential_that_was_rotated_in_vault_costs_no_call(provider, settings):
    vault = VaultStore()
    vault.secrets["kv/llm"] = {"key": "first"}
    with serving(vault):
        settings.VAULT_ADDR, settings.VAULT_TOKEN = vault.address, vault.issue()
        provider.taken = "first"
        _key, clear = create_key(tenant=make_tenant(), name="k")
        made = create_provider(name="p", kind="openai", base_url=provider.base_url, secret_ref="vault:kv/llm#key")
        create_model(provider=made, name="m")
        served(clear)
        provider.keys.clear()

        vault.secrets["kv/llm"]["key"] = provider.taken = "second"

        assert [call(clear) for _ in range(3)] == [200] * 3
        assert provider.keys == ["first", "second", "second", "second"]


def test_the_gateways_own_credentials_never_reach_an_address_that_a_tenant_chose(provider, monkeypatch):
    monkeypatch.setenv("OPERATORS_KEY", "the-operators")
    create_secret(name="platforms", value="the-platforms")
    tenant, other = make_tenant(), make_tenant()
    create_secret(name="theirs", value="the-others", tenant=other)
    _key, clear = create_key(tenant=tenant, name="k")
    made = create_provider(name="p", kind="openai", base_url=provider.base_url, tenant=tenant)
    create_model(provider=made, name="m")

    with pytest.raises(ValidationError, match="may only use what the tenant stored itself"):
        update_provider(provider=made, secret_ref="env:OPERATORS_KEY")
    made.refresh_from_db()
    for reference in ("db:platforms", "db:theirs"):
        update_provider(provider=made, secret_ref=reference)
        call(clear)
    # Written past every check, as an older version would have left it.
    type(made).objects.filter(pk=made.pk).update(secret_ref="env:OPERATORS_KEY")
    process.stop()
    call(clear)

    assert provider.keys
    assert set(provider.keys) == {""}


def test_no_client_of_a_store_is_loaded_before_a_reference_needs_it():
    program = (
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "django.setup()\n"
        "import controlplane.asgi, gateway.wiring\n"
        "from tenants.secrets.process import process_secrets\n"
        "process_secrets().resolve('env:PATH')\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'hvac', 'boto3', 'botocore', 'azure', 'msal'}))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50)

    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
