"""What tests of these pages share."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants import services
from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.factories import make_operator, make_tenant, make_user

__all__ = ["assert_accessible", "browser", "open_as"]


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant(slug="acme", name="Acme", payload_storage="stored")


@pytest.fixture
def as_member(acme: Tenant):
    """``as_member(role)``: a client of somebody who has that role in Acme."""

    def sign_in(role: str) -> Client:
        user = make_user()
        services.set_membership(tenant=acme, user=user, role=role)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def developer(as_member) -> Client:
    return as_member("developer")


@pytest.fixture
def operator(db) -> Client:
    client = Client()
    client.force_login(make_operator())
    return client


def body(response: Any) -> str:
    """The page's HTML."""
    assert response.status_code == 200, response
    text: str = response.content.decode()
    return text
