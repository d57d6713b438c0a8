"""Calls that people make from pages: through the same pipeline as everybody's, under a key of their own.

The key never leaves the server (:mod:`tenants.playground_keys`). What a page sends is the body that an application
would send; who called and from which page is put into it here.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from contracts.addresses import client_address
from gateway.endpoints import serve
from gateway.exchange import CHAT, Answer, GatewayRequest
from gateway.process import running
from tenants.models import Tenant, User
from tenants.playground_keys import clear_playground_key

SOURCE_TAG = "source"
PLAYGROUND = "playground"


def call_of_person(
    request: HttpRequest,
    tenant: Tenant,
    user: User,
    body: Mapping[str, Any],
    *,
    source: str = PLAYGROUND,
    path: str = CHAT,
    tags: Mapping[str, str] | None = None,
) -> GatewayRequest:
    """The call as the gateway takes it: with the person's key and name, and tags that say where it came from.

    ``source`` is the page; the person's name is the call's end user, so limits and budgets of each end user hold.
    """
    given = body.get("tags")
    own = given if isinstance(given, Mapping) else dict.fromkeys(given or (), "")
    whole = {**body, "user": user.get_username(), "tags": {**own, **(tags or {}), SOURCE_TAG: source}}
    headers = {
        "authorization": f"Bearer {clear_playground_key(tenant=tenant, user=user)}",
        "content-type": "application/json",
    }
    sent = {name.lower(): value for name, value in request.headers.items() if value}
    return GatewayRequest(
        method="POST",
        path=path,
        query="",
        headers=headers,
        client_ip=client_address(request.META.get("REMOTE_ADDR", ""), sent, settings.TRUSTED_PROXIES),
        body=msgspec.json.encode(whole),
        received_at=time.monotonic(),
    )


def answer_to_person(call: GatewayRequest) -> Answer:
    """The whole answer; blocks the thread until it is there. The body must not ask for a stream."""
    return running().run(_serve(call))


def streamed_to_person(request: HttpRequest, call: GatewayRequest) -> StreamingHttpResponse:
    """The answer as server-sent events: first ``head``, then the body's own events or ``body`` with the whole body.

    ``head`` has ``status`` and ``headers``. A refused call is an answer like any other here. When the browser goes
    away, the call is cancelled, also before its first token.
    """
    process = running()
    events = _events(call)
    # Only an ASGI server asks for pieces one by one; any other gets them from a thread.
    pieces = process.each(events) if isinstance(request, ASGIRequest) else process.iterate(events)
    response = StreamingHttpResponse(pieces, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(call: GatewayRequest) -> AsyncGenerator[bytes, None]:
    answer = await _serve(call)
    if answer.stream is None:
        yield _head(answer) + b"event: body\ndata: " + _on_one_line(answer.body) + b"\n\n"
        return
    stream = answer.stream
    try:
        # Only a stream that has begun accounts for its call, and this one may be closed at the next yield.
        first = await anext(stream, b"")
        yield _head(answer) + first
        async for piece in stream:
            yield piece
    finally:
        await stream.aclose()


async def _serve(call: GatewayRequest) -> Answer:
    endpoint, argument = running().runtime.endpoints.find(call.path) or (None, "")
    assert endpoint is not None, f"{call.path} is no endpoint"
    return await serve(endpoint, argument, call)


def _head(answer: Answer) -> bytes:
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    return b"event: head\ndata: " + msgspec.json.encode({"status": answer.status, "headers": headers}) + b"\n\n"


def _on_one_line(body: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(body)) if b"\n" in body else body
