"""The composition root of a web process: who answers what, and what is opened before the first request."""

from __future__ import annotations

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
# Each web process serves requests from many threads; other processes use one connection at a time.
os.environ.setdefault("DATABASE_POOL_SIZE", "8")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# What follows imports models, which Django must have loaded before.
from channels.routing import URLRouter
from django.conf import settings

from contracts.clock import SystemClock
from controlplane.lifespan import AsgiApp, Hook, Lifespan, Receive, Scope, Send
from controlplane.static_files import static_files
from controlplane.websocket_door import WebSocketDoor
from events.live.routing import websocket_urlpatterns
from gateway.lane import Lane
from gateway.process import running, serving

HTTP: AsgiApp = Lane(
    static_files(cast("AsgiApp", django_application)),
    lambda: running().runtime.endpoints,
    clock=SystemClock(),
    max_body_bytes=settings.GATEWAY_MAX_BODY_BYTES,
    body_timeout_s=settings.GATEWAY_BODY_TIMEOUT_S,
    trusted_proxies=settings.TRUSTED_PROXIES,
)
"""Everything over HTTP: the data plane's lane answers its own paths; static files and Django have the rest."""

HOOKS: list[Hook] = [serving]
"""Async context managers around the life of the process, entered in this order and left in reverse."""

WEBSOCKET: AsgiApp = WebSocketDoor(URLRouter(websocket_urlpatterns))
"""Live events; the routes say themselves how a peer is known."""


async def _by_protocol(scope: Scope, receive: Receive, send: Send) -> None:
    await (HTTP if scope["type"] == "http" else WEBSOCKET)(scope, receive, send)


application = Lifespan(_by_protocol, HOOKS)
