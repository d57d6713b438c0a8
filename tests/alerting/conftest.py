"""What tests of alerting share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.models import Tenant
from tests.alerting.alert_rows import Minutes, quiet
from tests.tenants.factories import make_tenant


@pytest.fixture(autouse=True)
def _nothing_is_queued() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def minutes(acme: Tenant) -> Minutes:
    return Minutes(acme)
