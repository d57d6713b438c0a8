"""Middleware of the control plane that belongs to tenants.

``MIDDLEWARE`` lists ``tenants.middleware.actor_middleware`` right after Django's ``AuthenticationMiddleware``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from tenants.actor import Actor, acting


@sync_and_async_middleware
def actor_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Make the signed-in user and their address known to the audit log, at no cost unless something is audited."""
    if iscoroutinefunction(get_response):
        return _async_middleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: actor_of(request)):
            response: HttpResponseBase = get_response(request)
            return response

    return middleware


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in user (``anonymous`` without one) and the peer's address."""
    user = getattr(request, "user", None)
    name = user.get_username() if user is not None and user.is_authenticated else "anonymous"
    return Actor(name, str(request.META.get("REMOTE_ADDR") or ""))


def _async_middleware(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    async def middleware(request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: actor_of(request)):
            return await get_response(request)

    return middleware
