"""Refuses WebSocket handshakes that a page of somebody else's site has started."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from controlplane.lifespan import AsgiApp, Receive, Scope, Send

log = structlog.get_logger(__name__)


class WebSocketDoor:
    """Lets a handshake pass to ``application`` when its Host and its Origin are ours.

    A program sends no Origin and passes: it has no cookies that a stranger could borrow, it must show an API key.
    A path that no route serves is refused too, instead of ending in an exception.
    """

    def __init__(self, application: AsgiApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or close it before it is accepted, which the peer sees as a 403."""
        headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope.get("headers", ())}
        host, origin = headers.get(b"host", ""), headers.get(b"origin", "")
        if not may_connect(host, origin, settings.ALLOWED_HOSTS or ["localhost"], settings.CSRF_TRUSTED_ORIGINS):
            log.warning("websocket refused", host=host, origin=origin, path=scope.get("path"))
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return
        await self._application(scope, receive, send)


def may_connect(host: str, origin: str, allowed_hosts: Sequence[str], trusted_origins: Sequence[str]) -> bool:
    """Whether ``host`` is ours and ``origin`` (empty when not sent) is the same host or one that is trusted."""
    domain, _port = split_domain_port(host)
    if not domain or not validate_host(domain, list(allowed_hosts)):
        return False
    if not origin or origin in trusted_origins:
        return True
    page = urlsplit(origin)
    wildcards = [urlsplit(trusted.replace("*", "", 1)) for trusted in trusted_origins if "://*." in trusted]
    if any(page.scheme == wild.scheme and page.netloc.endswith(wild.netloc) for wild in wildcards):
        return True
    return page.scheme in ("http", "https") and page.netloc.lower() == host.lower()
