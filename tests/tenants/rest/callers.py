"""Programs that call the management API in tests."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tenants.keys import ServiceScope
from tenants.models import Tenant
from tenants.service_keys import create_service_key

MANAGE, READ = ServiceScope.MANAGE.value, ServiceScope.READ.value


def caller(tenant: Tenant | None = None, *scopes: str, **fields: Any) -> APIClient:
    """A client with a new service key of the tenant, or of the platform."""
    _key, clear = create_service_key(name="test", tenant=tenant, scopes=scopes or (MANAGE,), **fields)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {clear}")
    return client


def error_of(response: Any) -> dict[str, Any]:
    """The error object, of the one shape that every error has."""
    body = response.json()
    assert set(body) == {"error"}, body
    error: dict[str, Any] = body["error"]
    assert {"code", "message", "type", "param", "retryable", "correlation_id"} <= set(error)
    return error
