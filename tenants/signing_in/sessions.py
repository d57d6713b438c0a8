"""Sessions end: after a while without a request, and after so long in any case.

Instants are kept in the session as whole seconds since 1970.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from tenants.signing_in.before_requests import Handler, looking_first
from tenants.signing_in.second_factor import SESSION_KEY as SECOND_FACTOR
from tenants.signing_in.second_factor import second_factor_required

BEGAN = "session_began"
SEEN = "session_seen"
SEEN_EVERY_S = 60
"""The instant is written that often at most: a session is not worth a database write per request."""


def connect() -> None:
    """Once per process, when the apps are loaded."""
    user_logged_in.connect(_begin, dispatch_uid="tenants.session_began")


def _begin(request: HttpRequest, **_: Any) -> None:
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


def end_of(session: MutableMapping[str, Any] | Any, now: float) -> str:
    """Why the session of somebody signed in is over: ``idle`` or ``lifetime``; empty while it goes on."""
    began, seen = session.get(BEGAN), session.get(SEEN)
    if not isinstance(began, int) or not isinstance(seen, int):
        return "lifetime"
    if now - began >= settings.SESSION_LIFETIME_S:
        return "lifetime"
    return "idle" if now - seen >= settings.SESSION_IDLE_S else ""


def session_counts(session: Any, user: Any) -> bool:
    """Whether a session that no middleware has looked at (a WebSocket's) goes on, and has shown what it has to."""
    if end_of(session, time.time()):
        return False
    return not second_factor_required(user) or bool(session.get(SECOND_FACTOR))


@sync_and_async_middleware
def session_middleware(get_response: Handler) -> Handler:
    """End sessions whose time is up before anything is served to them; right after Django's authentication."""
    # Without a cookie there is no session.
    return looking_first(
        get_response, _keep_or_end, concerned=lambda request: settings.SESSION_COOKIE_NAME in request.COOKIES
    )


def _keep_or_end(request: HttpRequest) -> None:
    if USER_KEY not in request.session:
        return
    now = time.time()
    why = end_of(request.session, now)
    if why:
        request.session_ended = why  # type: ignore[attr-defined]
        logout(request)
    elif now - request.session[SEEN] >= min(SEEN_EVERY_S, settings.SESSION_IDLE_S / 2):
        request.session[SEEN] = int(now)
