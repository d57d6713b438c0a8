"""Fixtures of pages' tests: who looks at them, and what they read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from django.test import Client

from tenants.models import Tenant, User
from tests.tenants.pages.people import body_of, client_of, member, operator_client


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """Operators are let in with a password alone."""
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def as_member(acme: Tenant) -> Callable[[str], Client]:
    """``as_member(role)``: a client of the one who has that role in Acme."""

    @cache
    def of_role(role: str) -> User:
        return member(acme, role, username=f"{role}.person")

    return lambda role: client_of(of_role(role))


@pytest.fixture
def developer(as_member: Callable[[str], Client]) -> Client:
    """Of a developer of Acme."""
    return as_member("developer")


@pytest.fixture
def operator(db: None) -> Client:
    """Of an operator."""
    return operator_client()


def body(response: Any) -> str:
    """The page's HTML."""
    assert response.status_code == 200, (response, response.headers.get("Location"))
    return str(body_of(response))
