"""Who may watch ``/v1/ws``: the events app asks, the gateway knows."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from contracts.addresses import client_address
from contracts.tenant_scope import across_tenants
from events.live.authentication import (
    EVERYTHING,
    set_client_address,
    set_key_authenticator,
    set_session_check,
    set_tenant_access,
)
from gateway.engine.authentication import Authenticator
from tenants.permissions import TenantPermission, tenants_of
from tenants.signing_in.sessions import session_counts

SCOPE = "events"


def open_to_watchers(authenticator: Authenticator) -> None:
    """Check API keys as for a call (with the scope ``events``), and signed-in users by what they may see."""

    async def tenant_of_key(clear_key: str, client_ip: str) -> str:
        _, tenant = await authenticator.authenticate(clear_key, client_ip, SCOPE)
        return tenant.id

    set_key_authenticator(tenant_of_key)
    set_tenant_access(watchable)
    set_session_check(session_counts)
    set_client_address(lambda peer, headers: client_address(peer, headers, settings.TRUSTED_PROXIES))


def close_to_watchers() -> None:
    """Keys are refused from now on: the worker is stopping."""
    set_key_authenticator(None)


async def watchable(user: Any, tenant: str) -> str:
    """The id of the tenant (by slug or id) whose single calls, of which its events tell, the user may see.

    ``EVERYTHING`` for that, if the user may see every tenant's; empty if the user may not.
    """
    return await sync_to_async(_watchable)(user, tenant)


def _watchable(user: Any, tenant: str) -> str:
    if tenant == EVERYTHING:
        sees_all = user.is_active and user.has_perm(f"tenants.{TenantPermission.VIEW_RUNS}")
        return EVERYTHING if sees_all else ""
    try:
        by: dict[str, object] = {"pk": uuid.UUID(tenant)}
    except ValueError:
        by = {"slug": tenant}
    with across_tenants("which tenants a person may look at is asked before there is one"):
        found = tenants_of(user, TenantPermission.VIEW_RUNS).filter(**by).values_list("pk", flat=True).first()
    return str(found or "")
