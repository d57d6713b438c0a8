"""Middleware that looks at each request first, under both of Django's handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Handler = Callable[[HttpRequest], Any]


def looking_first(
    get_response: Handler,
    look: Callable[[HttpRequest], HttpResponseBase | None],
    *,
    concerned: Callable[[HttpRequest], bool],
) -> Handler:
    """A handler that answers with what ``look`` answers, and goes on where that is nothing.

    ``look`` may ask the database; what does not concern it never leaves the event loop.
    """
    if iscoroutinefunction(get_response):
        look_apart = sync_to_async(look)

        async def middleware(request: HttpRequest) -> Any:
            stopped = await look_apart(request) if concerned(request) else None
            return await get_response(request) if stopped is None else stopped

        return middleware

    def sync_middleware(request: HttpRequest) -> Any:
        stopped = look(request) if concerned(request) else None
        return get_response(request) if stopped is None else stopped

    return sync_middleware
