"""One worker process: uvicorn on the parent's socket, with our connections and limits."""

from __future__ import annotations

import resource
import socket
import sys
from typing import Any, Literal

import uvicorn

from controlplane.web.connection import HttpConnection

KEEP_ALIVE_S = 75
"""An idle connection is closed after this: longer than the 60 s of common load balancers, which must be the first."""

MAX_WEBSOCKET_MESSAGE_BYTES = 256 * 1024
"""Clients only ever send subscriptions."""

_MAX_OPEN_FILES = 65_536


def config(application: Any, *, stop_s: float, lifespan: Literal["on", "off"] = "on") -> uvicorn.Config:
    """How this product serves an ASGI application, given itself or as ``module:name``."""
    return uvicorn.Config(
        application,
        loop="uvloop",
        http=HttpConnection,
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        # Compressing every push would cost the event loop, which also serves calls, more than it saves the network.
        ws_per_message_deflate=False,
        lifespan=lifespan,
        # Our logging is configured when Django is; access is recorded as events.
        log_config=None,
        access_log=False,
        # Who the client is behind proxies is decided by TRUSTED_PROXIES alone.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(stop_s),
    )


def main() -> None:
    """Serve until SIGTERM; ``argv``: how long calls in flight may take, and the listening socket's number."""
    stop_s, file_number = float(sys.argv[1]), int(sys.argv[2])
    _allow_many_connections()
    with socket.socket(fileno=file_number) as listener:
        uvicorn.Server(config("controlplane.asgi:application", stop_s=stop_s)).run([listener])


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
