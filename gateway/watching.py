"""Who may watch ``/v1/ws``: the events app asks, the gateway knows."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings

from events.live.authentication import set_client_address, set_key_authenticator, set_tenant_access
from gateway.engine.authentication import Authenticator, client_address
from tenants.models import Membership
from tenants.selectors import members_of_tenant

SCOPE = "events"


def open_to_watchers(authenticator: Authenticator) -> None:
    """Check API keys as for a call (with the scope ``events``), and signed-in users by their membership."""

    async def tenant_of_key(clear_key: str, client_ip: str) -> str:
        _, tenant = await authenticator.authenticate(clear_key, client_ip, SCOPE)
        return tenant.id

    set_key_authenticator(tenant_of_key)
    set_tenant_access(is_member)
    set_client_address(lambda peer, headers: client_address(peer, headers, settings.TRUSTED_PROXIES))


def close_to_watchers() -> None:
    """Keys are refused from now on: the worker is stopping."""
    set_key_authenticator(None)


async def is_member(user: Any, tenant_id: str) -> bool:
    """Whether the user may see the tenant's events. Everyone but who only sees its bills."""
    try:
        members = members_of_tenant(uuid.UUID(tenant_id))
    except ValueError:
        return False
    return await members.filter(user=user).exclude(role=Membership.Role.BILLING).aexists()
