"""Pages of the web, fetched from public addresses only: a tenant names them, and our network is none of its business.

A name is looked up once, every address that it has is judged, and the connection goes to one that was judged: what
the name leads to meanwhile does not matter. Each redirect is a new address, judged like the first.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import msgspec

from rag.engine.reading.result import MAX_BYTES

MAX_URL: Final = 500
MAX_REDIRECTS: Final = 5
STEP_S: Final = 10.0
"""Longest silence."""
TOTAL_S: Final = 60.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TAKEN: Final = "text/html, application/xhtml+xml, text/markdown, text/plain, text/csv, application/pdf, */*;q=0.5"
_HEADERS: Final = {"user-agent": "Breakwater (documents)", "accept": _TAKEN, "accept-encoding": "gzip, deflate"}
_TYPES: Final = ("text/", "application/pdf", "application/xhtml+xml", "application/json", "application/octet-stream")
_OFFICE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as numbers; raises OSError."""


class BadAddress(Exception):
    """An address that is not fetched, or cannot be; ``code`` is for programs, the message for people."""

    def __init__(self, code: str, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.again = code, message, again


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at an address; without content where it is still what it was."""

    content: bytes | None
    media_type: str = ""
    etag: str = ""
    last_modified: str = ""


def checked_address(text: str) -> str:
    """The address without its fragment.

    Raises:
        BadAddress: it is none that can be fetched.
    """
    url = urldefrag(text.strip()).url
    try:
        parts = urlsplit(url)
        port_is_well = parts.port is None or parts.port > 0
    except ValueError:
        raise BadAddress("bad_address", "This is no address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_well or not url.isprintable():
        raise BadAddress("bad_address", "Write an address that begins with https:// or http://.")
    if parts.username is not None or len(url) > MAX_URL or " " in url:
        raise BadAddress("bad_address", f"An address has at most {MAX_URL} characters, no spaces and no password.")
    return url


def is_public(number: str) -> bool:
    """Whether everybody may reach the address; one that stands for another is judged as that."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if any(address in network for network in _NAT64):
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast and not address.is_reserved


def looked_up(host: str, port: int) -> list[str]:
    """The host's addresses, as the system knows them."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Fetcher:
    """Fetches from addresses that ``allowed`` lets pass."""

    def __init__(self, *, resolve: Resolve = looked_up, allowed: Callable[[str], bool] = is_public) -> None:
        self._resolve, self._allowed = resolve, allowed

    def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetched:
        """What stands there; ``etag`` and ``last_modified`` are of the version that is known.

        Raises:
            BadAddress: it must not be called, cannot be reached, or has nothing that can be taken.
        """
        until = time.monotonic() + TOTAL_S
        known = {"if-none-match": etag, "if-modified-since": last_modified}
        headers = {**_HEADERS, **{name: value for name, value in known.items() if value}}
        for _ in range(MAX_REDIRECTS + 1):
            with self._answer(checked_address(url), headers) as answer:
                if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                    return _taken(answer, until)
                url = urljoin(url, answer.headers["location"])
        raise BadAddress("too_many_redirects", f"It redirects more than {MAX_REDIRECTS} times.")

    @contextmanager
    def _answer(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        number = self._address(host, port)
        shown = f"[{number}]" if ":" in number else number
        there = parts._replace(netloc=f"{shown}:{port}").geturl()
        named = {**headers, "host": parts.netloc}
        try:
            with (
                httpx.Client(timeout=STEP_S, follow_redirects=False, trust_env=False) as client,
                client.stream("GET", there, headers=named, extensions={"sni_hostname": host}) as answer,
            ):
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise BadAddress("unreachable", f"It cannot be reached: {type(error).__name__}.", again=True) from error

    def _address(self, host: str, port: int) -> str:
        try:
            numbers = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise BadAddress("unreachable", "There is no such host.", again=True) from error
        if not numbers or not all(self._allowed(number) for number in numbers):
            raise BadAddress("not_public", "The address is not a public one.")
        # IPv4 first: not every installation has a way to the others.
        return min(numbers, key=lambda number: ":" in number)


def _taken(answer: httpx.Response, until: float) -> Fetched:
    if answer.status_code == 304:
        return Fetched(content=None)
    if answer.status_code in (404, 410):
        raise BadAddress("gone", f"There is nothing: it answered {answer.status_code}.")
    if answer.status_code != 200:
        again = answer.status_code in _AGAIN
        raise BadAddress("refused", f"It answered {answer.status_code}.", again=again)
    media_type = answer.headers.get("content-type", "")[:127]
    if media_type and not media_type.lower().startswith((*_TYPES, _OFFICE)):
        raise BadAddress("unsupported_type", f"It is of the type {media_type[:80]}, which cannot be read.")
    return Fetched(
        content=_body(answer, until),
        media_type=media_type,
        etag=answer.headers.get("etag", "")[:400],
        last_modified=answer.headers.get("last-modified", "")[:64],
    )


def _body(answer: httpx.Response, until: float) -> bytes:
    parts: list[bytes] = []
    length = 0
    for part in answer.iter_bytes(65_536):
        parts.append(part)
        length += len(part)
        if length > MAX_BYTES:
            raise BadAddress("too_large", f"It has more than {MAX_BYTES // 1_000_000} MB.")
        if time.monotonic() > until:
            raise BadAddress("too_slow", f"It took longer than {TOTAL_S:.0f} s.", again=True)
    return b"".join(parts)
