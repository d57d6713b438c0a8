"""The viewer's time zone, which the browser tells in a cookie."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

COOKIE = "tz"
_SHAPE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}")


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The zone that the browser names; None where it names none, or one that there is not."""
    name = request.COOKIES.get(COOKIE, "").replace("%2F", "/")
    if not _SHAPE.fullmatch(name):
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        return None


@sync_and_async_middleware
def time_zone_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Show times in the viewer's zone."""
    if iscoroutinefunction(get_response):

        async def in_loop(request: HttpRequest) -> HttpResponseBase:
            with timezone.override(zone_of(request)):
                answer: HttpResponseBase = await get_response(request)
                return answer

        return in_loop

    def in_thread(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_of(request)):
            answer: HttpResponseBase = get_response(request)
            return answer

    return in_thread
