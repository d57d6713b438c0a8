"""Unpacks a compressed body. We ask for none; some servers send one all the same."""

from __future__ import annotations

import zlib
from typing import Final

from contracts.errors import ProviderBadResponse

_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


class Unpacker:
    """Unpacks gzip and deflate piece by piece."""

    __slots__ = ("_fed", "_packed")

    def __init__(self) -> None:
        self._packed = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._fed = False

    def feed(self, piece: bytes) -> bytes:
        """What ``piece`` adds.

        Raises:
            ProviderBadResponse: it is not what the header says.
        """
        self._fed = True
        try:
            return self._packed.decompress(piece)
        except zlib.error:
            raise ProviderBadResponse("The provider's answer is compressed wrongly.") from None

    def end(self) -> None:
        """The body has ended.

        Raises:
            ProviderBadResponse: the compressed data has not.
        """
        if self._fed and not self._packed.eof:
            raise ProviderBadResponse("The provider's answer broke off before its end.")


def unpacker_for(headers: dict[str, str]) -> Unpacker | None:
    """What the body needs; takes the headers that describe the packed body out of ``headers``."""
    encoding = headers.get("content-encoding")
    if encoding is None or encoding.strip().lower() not in _PACKED:
        return None
    del headers["content-encoding"]
    headers.pop("content-length", None)
    return Unpacker()
