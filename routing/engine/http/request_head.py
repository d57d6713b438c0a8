"""Writes the head of a request; refuses what would let a header or a URL smuggle in another."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from contracts.errors import ProviderUnavailable

USER_AGENT: Final = "breakwater/0.1.0"

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection"})
"""Written here only: two opinions about where a body ends are how requests are smuggled."""
_CACHED: Final = 4096


class Address(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class _Url(NamedTuple):
    address: Address
    host_header: str
    target: str


class RequestWriter:
    """Encodes requests. Remembers URLs and header names, of which a process sees few and the same ones."""

    __slots__ = ("_names", "_urls")

    def __init__(self) -> None:
        self._urls: dict[str, _Url] = {}
        self._names: dict[str, str] = {}

    def address(self, url: str) -> Address:
        """Where to connect for ``url``.

        Raises:
            ProviderUnavailable: it is not a usable http(s) URL.
        """
        return self._url(url).address

    def encode(self, method: str, url: str, headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
        """The request as it goes over the wire.

        Raises:
            ProviderUnavailable: method, URL or a header cannot be sent.
        """
        parsed = self._url(url)
        names = self._names
        lines = [f"{method} {parsed.target} HTTP/1.1"]
        given = set()
        for name, value in headers:
            lower = names.get(name) or self._learn(name)
            if lower in _FRAMING:
                continue
            if not value.isprintable() and not _VALUE.fullmatch(value):
                raise _unbuildable()
            given.add(lower)
            lines.append(f"{name}: {value}")
        if "host" not in given:
            lines.insert(1, f"host: {parsed.host_header}")
        if "user-agent" not in given:
            lines.append(f"user-agent: {USER_AGENT}")
        if "accept-encoding" not in given:
            lines.append("accept-encoding: identity")
        if body or method not in {"GET", "HEAD"}:
            lines.append(f"content-length: {len(body)}")
        if method not in names:
            self._learn(method)
        try:
            return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        except UnicodeEncodeError:
            raise _unbuildable() from None

    def _learn(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise _unbuildable()
        if len(self._names) >= _CACHED:
            self._names.clear()
        lower = self._names[name] = name.lower()
        return lower

    def _url(self, url: str) -> _Url:
        parsed = self._urls.get(url)
        if parsed is None:
            if len(self._urls) >= _CACHED:
                self._urls.clear()
            parsed = self._urls[url] = _parse(url)
        return parsed


def _parse(url: str) -> _Url:
    if _CONTROL.search(url):
        raise _unbuildable()
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:
        raise _unbuildable() from None
    default = _DEFAULT_PORTS.get(parts.scheme)
    # A credential in the URL is refused: it would have to be sent in a header that the caller may have set.
    if default is None or not host or " " in host or parts.username is not None:
        raise _unbuildable()
    shown = f"[{host.partition('%')[0]}]" if ":" in host else host
    if port is not None and port != default:
        shown += f":{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Url(Address(parts.scheme, host, port or default), shown, quote(target, safe=_PRINTABLE))


def _unbuildable() -> ProviderUnavailable:
    return ProviderUnavailable("The request to the provider cannot be built: check its base URL and headers.")
