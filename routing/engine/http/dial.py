"""Opens connections: name resolution, happy eyeballs, TLS; and says in words fit for a caller why it failed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import socket
import ssl
from collections.abc import Callable
from typing import Final

import aiohappyeyeballs
import certifi

from contracts.errors import ProviderUnavailable
from routing.engine.http.connection import Connection
from routing.engine.http.request_head import Address

_NEXT_ADDRESS_S: Final = 0.25
"""RFC 8305's delay. asyncio's create_connection has it too, uvloop's has not: hence aiohappyeyeballs."""
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})


@functools.lru_cache(maxsize=8)
def trusting(ca_certificates: bytes = b"") -> ssl.SSLContext:
    """A client context that trusts the system's and Mozilla's authorities and ``ca_certificates`` (PEM)."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_certificates:
        context.load_verify_locations(cadata=ca_certificates.decode("ascii"))
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(
    address: Address, make: Callable[[], Connection], context: ssl.SSLContext, timeout_ms: int
) -> Connection:
    """A connection to ``address``, TLS included.

    Raises:
        ProviderUnavailable: it could not be opened within ``timeout_ms``.
    """
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _open(address, make, context if address.scheme == "https" else None)
    except (OSError, RuntimeError, UnicodeError) as error:
        # uvloop raises RuntimeError for some failed connects.
        raise ProviderUnavailable(f"The provider could not be reached: {_reason(error)}.") from None


async def _open(address: Address, make: Callable[[], Connection], context: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    sock = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS_S)
    connection: Connection | None = None
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = make()
        made = connection
        name = address.host.rstrip(".") if context else None
        await loop.create_connection(lambda: made, sock=sock, ssl=context, server_hostname=name)
    except BaseException:
        if connection is not None:
            connection.close()
        with contextlib.suppress(OSError):
            sock.close()
        raise
    return connection


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its host name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return "no secure connection could be agreed on"
    if isinstance(error, TimeoutError):
        return "connecting took too long"
    return _reason_of(getattr(error, "errno", None))


def _reason_of(number: int | None) -> str:
    if number == errno.ECONNREFUSED:
        return "connection refused"
    if number == errno.ECONNRESET:
        return "connection reset"
    if number in _UNREACHABLE:
        return "network unreachable"
    return "connecting failed"
