"""Who looks at pages in tests."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.test import Client

from tenants import services
from tenants.models import Tenant, User
from tenants.roles import AUDITOR_GROUP
from tests.tenants.factories import make_operator, make_user


def member(tenant: Tenant, role: str = "owner", **fields) -> User:
    """Somebody with this role in the tenant."""
    user = make_user(**fields)
    services.set_membership(user=user, tenant=tenant, role=role)
    return user


def client_of(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user)
    return client


def operator_client() -> Client:
    """The browser of somebody who runs the platform."""
    return client_of(make_operator())


def auditor_client() -> Client:
    """The browser of somebody who sees all tenants and changes none."""
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=AUDITOR_GROUP))
    return client_of(user)


def body_of(response) -> str:
    """What the browser gets."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()
