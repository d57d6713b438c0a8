"""What tests of tenants' pages share."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.factories import make_tenant
from tests.tenants.pages.people import client_of, member

__all__ = ["assert_accessible", "browser", "open_as"]


@pytest.fixture
def tenant() -> Tenant:
    """The tenant whose pages are looked at."""
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def owner(tenant: Tenant) -> Client:
    """The browser of one of its owners."""
    return client_of(member(tenant))


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False
