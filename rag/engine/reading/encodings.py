"""Bytes as text: by byte-order mark, as UTF-8, else as Windows' Western European."""

from __future__ import annotations

import codecs
from typing import Final

from rag.engine.reading.result import Unreadable

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark it begins with.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS: Final = frozenset(range(32)) - {7, 8, 9, 10, 12, 13, 27}
_LOOKED_AT: Final = 4_096


def marked_encoding(content: bytes) -> str:
    """The encoding that a byte-order mark names; empty where there is none."""
    return next((name for mark, name in _MARKS if content.startswith(mark)), "")


def looks_binary(content: bytes) -> bool:
    """Whether the beginning holds bytes that no text has."""
    if marked_encoding(content):
        return False
    head = content[:_LOOKED_AT]
    return b"\x00" in head or sum(byte in _CONTROLS for byte in head) > len(head) // 50


def decoded(content: bytes, *, declared: str = "") -> str:
    """The text; ``declared`` is the encoding that the document says it has.

    Raises:
        Unreadable: it is no text.
    """
    if looks_binary(content):
        raise Unreadable("not_text", "It is neither text nor a kind of file that can be read.")
    for name in (marked_encoding(content), "utf-8", declared):
        if name and (text := _decoded_as(content, name)) is not None:
            return text
    return content.decode("cp1252", errors="replace")


def _decoded_as(content: bytes, name: str) -> str | None:
    try:
        return content.decode(codecs.lookup(name).name)
    except (LookupError, UnicodeError):
        return None
