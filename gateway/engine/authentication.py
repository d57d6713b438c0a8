"""Who is calling, and may this key do that?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from contracts.addresses import address_allowed
from contracts.errors import AuthenticationFailed, PermissionDenied
from contracts.ports import Clock
from contracts.specs import KeySpec, TenantSpec
from gateway.engine.spec_cache import SpecCache

MAX_KEY_LENGTH = 512


def presented_key(headers: Mapping[str, str]) -> str:
    """The API key of the request: ``Authorization: Bearer``, ``x-api-key`` (Anthropic) or ``api-key`` (Azure).

    Raises:
        AuthenticationFailed: there is none, or it cannot be one.
    """
    authorization = headers.get("authorization", "")
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Use 'Authorization: Bearer <your API key>'.")
        key = value.strip()
    else:
        key = (headers.get("x-api-key") or headers.get("api-key") or "").strip()
    if not key:
        raise AuthenticationFailed("No API key. Send 'Authorization: Bearer <your API key>'.")
    if len(key) > MAX_KEY_LENGTH:
        raise AuthenticationFailed("This is not an API key.")
    return key


class Authenticator:
    """Finds the key and its tenant in the spec cache and checks what does not depend on the call's content."""

    def __init__(self, specs: SpecCache, clock: Clock) -> None:
        self._specs = specs
        self._clock = clock

    async def authenticate(self, clear_key: str, client_ip: str, scope: str) -> tuple[KeySpec, TenantSpec]:
        """The key and its tenant.

        Raises:
            AuthenticationFailed: unknown, revoked or expired.
            PermissionDenied: the tenant is suspended, the address is not allowed, or the scope is missing.
            ServiceUnavailable: not in memory, and PostgreSQL is down.
        """
        key = await self._specs.key(hashlib.sha256(clear_key.encode()).hexdigest())
        if key is None:
            raise AuthenticationFailed("This API key is not known.")
        if key.revoked:
            raise AuthenticationFailed("This API key was revoked.")
        if key.expires_at_ms is not None and key.expires_at_ms <= self._clock.now_ms():
            raise AuthenticationFailed("This API key has expired.")
        tenant = await self._specs.tenant(key.tenant_id)
        if tenant is None or not tenant.active:
            raise PermissionDenied("This tenant is suspended.")
        if key.ip_allow and not address_allowed(client_ip, key.ip_allow):
            raise PermissionDenied(f"This API key may not be used from {client_ip}.")
        if key.scopes and scope not in key.scopes:
            raise PermissionDenied(f"This API key lacks the scope '{scope}'.")
        return key, tenant
