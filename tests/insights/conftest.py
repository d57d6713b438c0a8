"""What tests of insights share."""

from __future__ import annotations

import pytest

from tenants.models import Tenant
from tests.tenants.factories import make_tenant


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant(slug="acme", name="Acme")
