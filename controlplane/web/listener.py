"""The socket that all workers of a machine accept from."""

from __future__ import annotations

import socket

BACKLOG = 4096
"""Connections that may wait in the kernel while no worker takes them."""


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; ``::`` takes IPv4 too, an empty host all addresses.

    It outlives every worker: while one is being replaced, new connections wait instead of being refused.

    Raises:
        OSError: the address is taken, or not ours.
    """
    family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
