"""Exports of the audit log as files that are sent while they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from tenants.audit_export import FORMATS


def download(request: HttpRequest, pieces: Iterator[str], format_: str) -> StreamingHttpResponse:
    """The pieces as the file ``audit.<format>``; each is made once the one before it is on its way."""
    return StreamingHttpResponse(
        _one_by_one(pieces) if isinstance(request, ASGIRequest) else pieces,
        content_type=FORMATS[format_],
        headers={"Content-Disposition": f'attachment; filename="audit.{format_}"'},
    )


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Under ASGI, Django would collect a plain iterator in memory before it sends the first byte."""
    following = sync_to_async(_next)
    while (piece := await following(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[str]) -> str | None:
    return next(pieces, None)
