"""What tests of evaluations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import process
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route
from tenants.models import Tenant
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
