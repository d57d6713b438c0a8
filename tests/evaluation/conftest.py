"""What tests of evaluations share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from gateway import process
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route
from tenants.emitting import set_emitter
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.gateway.doubles import RecordingEmitter
from tests.tenants.factories import make_tenant


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant(slug="acme", name="Acme", payload_storage="stored")


@pytest.fixture
def answering(transactional_db) -> Iterator[Tenant]:
    """A tenant that may call ``small`` and ``large``, which the sandbox serves; the gateway ends with the test."""
    process.stop()
    models = {model.name: model for model in register(SANDBOX).models.all()}
    for name in ("small", "large"):
        create_route(name=name, targets=[TargetChoice(model=models[f"sandbox-{name}"])])
    yield make_tenant(slug="acme", name="Acme", payload_storage="stored")
    process.stop()


@pytest.fixture
def told() -> Iterator[RecordingEmitter]:
    """What the control plane emits."""
    emitter = RecordingEmitter()
    set_emitter(emitter)
    yield emitter
    set_emitter(None)


@pytest.fixture
def ask(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, Any]]:
    """``ask(method, path, body)``: the status and JSON of Acme's service key below ``/api/v1/evaluation/``."""
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)
    _, key = create_service_key(name="pipeline", tenant=acme, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}"})

    def asked(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        response = getattr(client, method)(f"/api/v1/evaluation/{path}", body, content_type="application/json")
        return response.status_code, response.json() if response.content else None

    return asked
