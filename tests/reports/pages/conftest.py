"""What tests of these pages share."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.pages.people import body_of, client_of, member, operator_client

__all__ = ["assert_accessible", "browser", "open_as"]


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def operator(db) -> Client:
    return operator_client()


@pytest.fixture
def as_member(acme: Tenant):
    """``as_member(role)``: a client of somebody who has that role in Acme."""

    def sign_in(role: str) -> Client:
        return client_of(member(acme, role))

    return sign_in


@pytest.fixture
def developer(as_member) -> Client:
    return as_member("developer")


def body(response: Any) -> str:
    """The page's HTML."""
    assert response.status_code == 200, (response, response.headers.get("Location"))
    return str(body_of(response))
