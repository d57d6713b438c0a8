"""Who watches what: an API key its tenant, a signed-in person a tenant of theirs, an operator the whole platform.

Higher layers say how either is checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from channels.auth import get_user
from django.conf import settings

from contracts.errors import AuthenticationFailed, PermissionDenied, ServiceUnavailable

KeyAuthenticator = Callable[[str, str], Awaitable[str]]
"""(clear key, client address) → tenant id. Raises :class:`contracts.errors.GatewayError`."""
TenantAccess = Callable[[Any, str], Awaitable[str]]
"""(signed-in user, slug or id of a tenant, or :data:`EVERYTHING`) → the tenant's id, or ``EVERYTHING``; empty where
the user may not watch it."""
ClientAddress = Callable[[str, Mapping[str, str]], str]
"""(address of the peer, headers) → address of the client, where proxies stand between."""

SessionCheck = Callable[[Any, Any], bool]
"""(session, its user) → whether the session still counts: it may be over, or lack a second factor."""

EVERYTHING: Final = "*"
"""In place of a tenant: the events of all tenants, and those that belong to none."""
PROTOCOL: Final = "breakwater.v1"
KEY_PROTOCOL: Final = "key."
"""Browsers cannot set headers: they offer ``key.<API key>`` beside ``breakwater.v1`` as a subprotocol."""


class _Hooks:
    key: KeyAuthenticator | None = None
    access: TenantAccess | None = None
    address: ClientAddress | None = None
    session: SessionCheck | None = None


def set_key_authenticator(authenticator: KeyAuthenticator | None) -> None:
    """Check API keys with this from now on; the gateway registers its own at start."""
    _Hooks.key = authenticator


def set_tenant_access(access: TenantAccess | None) -> None:
    """Ask this what a signed-in user may watch. Without it superusers may watch what they name, and nobody else."""
    _Hooks.access = access


def set_client_address(address: ClientAddress | None) -> None:
    """Find the client's address with this; without it, the peer's is used."""
    _Hooks.address = address


def set_session_check(check: SessionCheck | None) -> None:
    """Ask this whether a session still counts; without it, every signed-in one does."""
    _Hooks.session = check


class Credentials(NamedTuple):
    """What a handshake carries."""

    key: str
    subprotocol: str | None
    """What to answer the client's offer with: browsers hang up when none of theirs is chosen."""
    client_ip: str
    user: Any
    """Django's user of the session, or None."""
    session: Any
    """Django's session, or None."""
    tenant: str
    """``?tenant=`` of a session: a slug, an id or :data:`EVERYTHING`; a key knows its own tenant."""
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
        user=user if _counts(scope.get("session"), user) else None,
        session=scope.get("session"),
        tenant=query.get("tenant", [""])[0],
        same_origin=_same_origin(headers),
    )


def _counts(session: Any, user: Any) -> bool:
    if not getattr(user, "is_authenticated", False):
        return False
    return _Hooks.session is None or _Hooks.session(session, user)


async def tenant_of(credentials: Credentials) -> str:
    """The tenant whose events may be watched; empty for what belongs to none, :data:`EVERYTHING` for all.

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
    found = await _watched_by(credentials.user, credentials.tenant)
    if found is None:
        raise PermissionDenied("You have no access to this tenant.")
    return found


async def renewed(credentials: Credentials) -> Credentials:
    """The same, with the session and its user as they are now: signed out, disabled, or with another password.

    Raises:
        django.db.Error: neither can be read.
    """
    key = getattr(credentials.session, "session_key", None)
    if credentials.key or key is None:
        return credentials
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session = store(key)
    user = await get_user({"session": session})
    return credentials._replace(session=session, user=user if _counts(session, user) else None)


async def _watched_by(user: Any, tenant: str) -> str | None:
    if not getattr(user, "is_active", False):
        return None
    if getattr(user, "is_superuser", False) and (not tenant or _Hooks.access is None):
        return tenant
    if not tenant or _Hooks.access is None:
        return None
    return await _Hooks.access(user, tenant) or None


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
