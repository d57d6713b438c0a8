"""The composition root: Django, WebSockets and what a web process opens and closes."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
# Each web process serves requests from many threads; other processes use one connection at a time.
os.environ.setdefault("DATABASE_POOL_SIZE", "8")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# What follows imports models, which Django must have loaded before.
from channels.routing import ProtocolTypeRouter, URLRouter

from controlplane.lifespan import Hook, Lifespan


def websocket_patterns() -> list[Any]:
    """Routes of every app that serves WebSockets."""
    if not find_spec("events.live"):
        return []
    from events.live.routing import websocket_urlpatterns

    return list(websocket_urlpatterns)


LIFESPAN_HOOKS: list[Hook] = []
"""Async context managers around the life of a web process; the data plane's lane adds its own."""

application = Lifespan(
    ProtocolTypeRouter({"http": django_application, "websocket": URLRouter(websocket_patterns())}),
    LIFESPAN_HOOKS,
)
