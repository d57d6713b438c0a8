"""Gives every control-plane request a correlation id: in its logs, its errors and its response."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from contracts.ids import new_correlation_id

HEADER = "x-correlation-id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{8,128}")

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


def correlation_id_of(request: HttpRequest) -> str:
    """The id bound to ``request``; a new one when the request never passed the middleware."""
    bound: str = request.META.get("breakwater.correlation_id", "") or new_correlation_id()
    return bound


class CorrelationMiddleware:
    """Keeps a caller's well-formed ``x-correlation-id``, else makes one."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Bind, serve, stamp."""
        if self._is_async:
            return self._serve_async(request)
        correlation_id = self._open(request)
        try:
            response = self.get_response(request)
        finally:
            structlog.contextvars.unbind_contextvars("correlation_id")
        assert isinstance(response, HttpResponseBase)
        return self._stamp(response, correlation_id)

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        correlation_id = self._open(request)
        try:
            answer = self.get_response(request)
            response = answer if isinstance(answer, HttpResponseBase) else await answer
        finally:
            structlog.contextvars.unbind_contextvars("correlation_id")
        return self._stamp(response, correlation_id)

    @staticmethod
    def _open(request: HttpRequest) -> str:
        offered = request.headers.get(HEADER, "")
        correlation_id = offered if _ACCEPTABLE.fullmatch(offered) else new_correlation_id()
        request.META["breakwater.correlation_id"] = correlation_id
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        return correlation_id

    @staticmethod
    def _stamp(response: HttpResponseBase, correlation_id: str) -> HttpResponseBase:
        if HEADER not in response.headers:
            response.headers[HEADER] = correlation_id
        return response
