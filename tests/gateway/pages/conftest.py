"""What tests of the gateway's pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import process
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route
from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.factories import make_tenant

__all__ = ["assert_accessible", "browser", "open_as"]


@pytest.fixture
def gateway_process() -> Iterator[None]:
    """A gateway of this process, which starts when a page first asks and ends with the test."""
    process.stop()
    yield
    process.stop()


@pytest.fixture
def answering(gateway_process: None) -> Tenant:
    """A tenant whose default route leads to the sandbox."""
    models = {model.name: model for model in register(SANDBOX).models.all()}
    targets = [TargetChoice(model=models["sandbox-small"]), TargetChoice(model=models["sandbox-large"], priority=1)]
    create_route(name="default", is_default=True, match_modes=["direct"], targets=targets)
    return make_tenant(slug="acme", name="Acme", payload_storage="stored")
