"""Addresses through which an answer could carry data away: links, and images that a client loads by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.text import Text

MAX_AUTHORITY = 128
"""Characters between ``//`` and the path; a longer one is no host that anybody allowed."""
MAX_LABEL = 64
"""Characters of an image's description; a longer one is passed over, its address is not."""

_ADDRESS = re.compile(r"[\\/]{2}(?P<authority>[^\s/?#\\\"'<>()\[\]{}|^`]*)[^\s\"'<>)\]}`]*")
_SLASHES = re.compile(r"[\\/](?=[\\/])")
_SCHEME_BEFORE = re.compile(r"(?<![A-Za-z])(?:https?|wss?|ftp):\Z", re.IGNORECASE)
_MARKUP_BEFORE = re.compile(r"(?:\]\(<?|src=[\"']?)\Z", re.IGNORECASE)
_IMAGE_BEFORE = re.compile(rf"!\[[^\]\n]{{0,{MAX_LABEL}}}\]\(\s?<?\Z")
_TAG_BEFORE = re.compile(rf"<img\b[^<>\n]{{0,{MAX_LABEL}}}?src=[\"']?\Z", re.IGNORECASE)
_ENDS_BEFORE = frozenset(":(<=\"'")
_EVIDENCE = "at a host that is not allowed"
_BEFORE = MAX_LABEL + 12


class LinksOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which addresses are good.

    Raises:
        ValueError: a host is not written as one.
    """

    allowed_hosts: tuple[str, ...] = ()
    """Their subdomains are good as well."""
    images_only: bool = False
    """Links are good wherever they lead; only images are loaded without a click."""

    def __post_init__(self) -> None:
        for host in self.allowed_hosts:
            if not host or "/" in host or ":" in host or host != host.strip().lower():
                raise ValueError(f"{host!r} is no host name in small letters, such as 'example.org'.")


class Links:
    """Finds addresses at hosts that are not allowed."""

    window: int | None = _BEFORE + MAX_AUTHORITY + 12

    def __init__(self, options: LinksOptions) -> None:
        self._allowed = options.allowed_hosts
        self._suffixes = tuple(f".{host}" for host in options.allowed_hosts)
        self._images_only = options.images_only

    def find(self, text: Text) -> Sequence[Finding]:
        """Each address, with the image's markup where it is one's."""
        said = text.original
        # Two slashes of either kind make an address: most texts have not even one.
        return list(self._found(said)) if "/" in said or "\\" in said else ()

    def _found(self, text: str) -> Iterator[Finding]:
        end = 0
        for slashes in _SLASHES.finditer(text):
            start = _begin(text, slashes.start()) if slashes.start() >= end else None
            match = _ADDRESS.match(text, slashes.start()) if start is not None else None
            if start is None or match is None:
                continue
            end = match.end()
            if self._good(match["authority"]):
                continue
            before = text[max(0, start - _BEFORE) : start]
            image = _IMAGE_BEFORE.search(before) or _TAG_BEFORE.search(before)
            if image is not None:
                end += text.startswith(")", end)
                yield Finding(start - len(before) + image.start(), end, "IMAGE_URL", evidence=_EVIDENCE)
            elif not self._images_only:
                yield Finding(start, end, "URL", evidence=_EVIDENCE)

    def _good(self, authority: str) -> bool:
        if len(authority) > MAX_AUTHORITY:
            return False
        # What stands before the last @ is a user's name, made to look like a host.
        host = authority.rpartition("@")[2].partition(":")[0].rstrip(".").lower()
        return host in self._allowed or host.endswith(self._suffixes) if self._allowed else False


def _begin(text: str, slashes: int) -> int | None:
    """Where the address with these slashes begins: at its scheme, or at them in markup; None: there is none."""
    if text[slashes - 1 : slashes] not in _ENDS_BEFORE or not slashes:
        return None
    scheme = _SCHEME_BEFORE.search(text, max(0, slashes - 7), slashes)
    if scheme is not None:
        return scheme.start()
    return slashes if _MARKUP_BEFORE.search(text, max(0, slashes - 5), slashes) else None
