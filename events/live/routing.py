"""WebSocket routes of this app."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack
from django.urls import path

from events.live.consumer import LiveConsumer

websocket_urlpatterns: list[Any] = [path("v1/ws", AuthMiddlewareStack(LiveConsumer.as_asgi()))]
