"""What tests of these pages share."""

from __future__ import annotations

import pytest
from django.test import Client

from routing.models import Model, Provider
from routing.services import create_model, create_provider
from tenants import services
from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.factories import make_operator, make_user

__all__ = ["assert_accessible", "browser", "open_as"]


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def operator(client: Client, db) -> Client:
    client.force_login(make_operator())
    return client


@pytest.fixture
def as_member(db):
    """``as_member(tenant, role)``: a client of somebody who has that role."""

    def sign_in(tenant: Tenant, role: str) -> Client:
        user = make_user()
        services.set_membership(tenant=tenant, user=user, role=role)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def sandbox(db) -> Provider:
    """The platform's, with one model that chats and has a price."""
    provider = create_provider(name="sandbox", kind="sandbox")
    create_model(provider=provider, name="small", prices={"input": 150_000_000, "output": 600_000_000})
    return provider


@pytest.fixture
def small(sandbox: Provider) -> Model:
    """The sandbox's model."""
    return sandbox.models.get()
