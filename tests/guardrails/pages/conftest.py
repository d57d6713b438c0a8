"""What tests of these pages share."""

import pytest

from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.factories import make_tenant
from tests.tenants.pages.visitors import as_member, body, developer, no_second_factor, operator

__all__ = ["as_member", "assert_accessible", "body", "browser", "developer", "no_second_factor", "open_as", "operator"]


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant(slug="acme", name="Acme", payload_storage="stored")
