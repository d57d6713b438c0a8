"""Who watches: an API key, or a signed-in user of the tenant. Higher layers say how either is checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from contracts.errors import AuthenticationFailed, PermissionDenied, ServiceUnavailable

KeyAuthenticator = Callable[[str, str], Awaitable[str]]
"""(clear key, client address) → tenant id. Raises :class:`contracts.errors.GatewayError`."""
TenantAccess = Callable[[Any, str], Awaitable[bool]]
"""(signed-in user, tenant id, empty for the platform) → whether the user may watch it."""
ClientAddress = Callable[[str, Mapping[str, str]], str]
"""(address of the peer, headers) → address of the client, where proxies stand between."""

PROTOCOL: Final = "breakwater.v1"
KEY_PROTOCOL: Final = "key."
"""Browsers cannot set headers: they offer ``key.<API key>`` beside ``breakwater.v1`` as a subprotocol."""


class _Hooks:
    key: KeyAuthenticator | None = None
    access: TenantAccess | None = None
    address: ClientAddress | None = None


def set_key_authenticator(authenticator: KeyAuthenticator | None) -> None:
    """Check API keys with this from now on; the gateway registers its own at start."""
    _Hooks.key = authenticator


def set_tenant_access(access: TenantAccess | None) -> None:
    """Ask this whether a signed-in user may watch a tenant. Without it only superusers may."""
    _Hooks.access = access


def set_client_address(address: ClientAddress | None) -> None:
    """Find the client's address with this; without it, the peer's is used."""
    _Hooks.address = address


class Credentials(NamedTuple):
    """What a handshake carries."""

    key: str
    subprotocol: str | None
    """What to answer the client's offer with: browsers hang up when none of theirs is chosen."""
    client_ip: str
    user: Any
    """Django's user of the session, or None."""
    tenant_id: str
    """``?tenant=`` of a session; a key knows its own tenant."""
    same_origin: bool


def credentials_of(scope: Mapping[str, Any]) -> Credentials:
    """Read an ASGI WebSocket scope."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",") if word.strip()]
    key = _key_in_headers(headers)
    for word in offered:
        if not key and word.startswith(KEY_PROTOCOL):
            key = word.removeprefix(KEY_PROTOCOL)
    peer = (scope.get("client") or ("", 0))[0]
    user = scope.get("user")
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return Credentials(
        key=key,
        subprotocol=_chosen(offered),
        client_ip=_Hooks.address(peer, headers) if _Hooks.address is not None else peer,
        user=user if getattr(user, "is_authenticated", False) else None,
        tenant_id=query.get("tenant", [""])[0],
        same_origin=_same_origin(headers),
    )


async def tenant_of(credentials: Credentials) -> str:
    """The tenant whose events may be watched; empty for the platform's own.

    Raises:
        GatewayError: nobody may, by these credentials.
    """
    if credentials.key:
        if _Hooks.key is None:
            raise ServiceUnavailable("API keys cannot be checked yet. Try again shortly.")
        return await _Hooks.key(credentials.key, credentials.client_ip)
    if credentials.user is None:
        raise AuthenticationFailed("No API key. Send 'Authorization: Bearer <your API key>'.")
    # A page of another site can open a WebSocket with our cookies: only our own pages may use the session.
    if not credentials.same_origin:
        raise PermissionDenied("A session can be used from the console's own pages only.")
    if not await _user_may_watch(credentials.user, credentials.tenant_id):
        raise PermissionDenied("You have no access to this tenant.")
    return credentials.tenant_id


async def _user_may_watch(user: Any, tenant_id: str) -> bool:
    if not getattr(user, "is_active", False):
        return False
    if getattr(user, "is_superuser", False):
        return True
    return _Hooks.access is not None and await _Hooks.access(user, tenant_id)


def _key_in_headers(headers: Mapping[str, str]) -> str:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return headers.get("x-api-key", "").strip()


def _chosen(offered: list[str]) -> str | None:
    if PROTOCOL in offered:
        return PROTOCOL
    plain = [word for word in offered if not word.startswith(KEY_PROTOCOL)]
    return next(iter(plain or offered), None)


def _same_origin(headers: Mapping[str, str]) -> bool:
    return bool(headers.get("origin")) and urlsplit(headers["origin"]).netloc == headers.get("host")
