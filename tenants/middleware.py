"""Middleware of the control plane that belongs to tenants.

``MIDDLEWARE`` lists ``tenants.middleware.actor_middleware`` right after Django's ``AuthenticationMiddleware``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from contracts.addresses import client_address
from contracts.tenant_scope import across_tenants
from tenants.actor import Actor, acting

ADMIN_PATH = "/admin/"
LONGEST_ADDRESS = 45
"""Characters of an IPv4-mapped IPv6 address: what the audit log has room for."""


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


@sync_and_async_middleware
def operators_admin_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The admin is for operators, who see every tenant: its queries need not name one."""
    reason = "the operators' admin shows all tenants"
    if iscoroutinefunction(get_response):

        async def in_loop(request: HttpRequest) -> HttpResponseBase:
            with across_tenants(reason) if request.path_info.startswith(ADMIN_PATH) else nullcontext():
                answer: HttpResponseBase = await get_response(request)
                return answer

        return in_loop

    def in_thread(request: HttpRequest) -> HttpResponseBase:
        with across_tenants(reason) if request.path_info.startswith(ADMIN_PATH) else nullcontext():
            answer: HttpResponseBase = get_response(request)
            return answer

    return in_thread


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in user (``anonymous`` without one) and their address."""
    user = getattr(request, "user", None)
    name = user.get_username() if user is not None and user.is_authenticated else "anonymous"
    return Actor(name, client_ip(request))


def client_ip(request: HttpRequest) -> str:
    """The caller's address, as TRUSTED_PROXIES tell it; empty when the server knows none."""
    headers = {"x-forwarded-for": request.headers.get("x-forwarded-for", "")}
    peer = str(request.META.get("REMOTE_ADDR") or "")
    return client_address(peer, headers, settings.TRUSTED_PROXIES)[:LONGEST_ADDRESS]


def _async_middleware(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    async def middleware(request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: actor_of(request)):
            return await get_response(request)

    return middleware
