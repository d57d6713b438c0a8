"""Who is calling, and may this key do that?"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from functools import lru_cache

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


@lru_cache(maxsize=10_000)
def _networks(blocks: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(block, strict=False) for block in blocks)


def address_allowed(client_ip: str, blocks: tuple[str, ...]) -> bool:
    """Whether the address is in one of the CIDR blocks; an IPv4-mapped IPv6 address counts as the IPv4 one."""
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _networks(blocks))


def client_address(peer: str, headers: Mapping[str, str], trusted_proxies: tuple[str, ...]) -> str:
    """The caller's address: the right-most ``X-Forwarded-For`` entry that is not a trusted proxy of ours."""
    if not trusted_proxies or not address_allowed(peer, trusted_proxies):
        return peer
    for hop in reversed([part.strip() for part in headers.get("x-forwarded-for", "").split(",")]):
        if hop and not address_allowed(hop, trusted_proxies):
            return hop
    return peer
