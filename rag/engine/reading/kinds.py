"""What kind of file it is: by what it holds, then by what it is said to be, then by its name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from rag.engine.reading.encodings import looks_binary
from rag.engine.reading.result import Unreadable


class Kind(StrEnum):
    """Kinds that can be read."""

    PLAIN = "text/plain"
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    CSV = "text/csv"
    TSV = "text/tab-separated-values"


_TYPES: Final = {
    **{kind.value: kind for kind in Kind},
    "text/x-markdown": Kind.MARKDOWN,
    "application/xhtml+xml": Kind.HTML,
    "application/csv": Kind.CSV,
    "application/x-pdf": Kind.PDF,
}
_ENDINGS: Final = {
    "md": Kind.MARKDOWN,
    "markdown": Kind.MARKDOWN,
    "html": Kind.HTML,
    "htm": Kind.HTML,
    "xhtml": Kind.HTML,
    "csv": Kind.CSV,
    "tsv": Kind.TSV,
}
_TEXTS: Final = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})
_LIKE_HTML: Final = (b"<!doctype html", b"<html")


def media_type_of(said: str) -> str:
    """The type without its parameters, in lower case."""
    return said.partition(";")[0].strip().lower()


def charset_of(said: str) -> str:
    """The parameter ``charset`` of a media type; empty where there is none."""
    for part in said.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return ""


def kind_of(content: bytes, media_type: str, name: str = "") -> Kind:
    """The kind of a file.

    Raises:
        Unreadable: it is of none that can be read.
    """
    if b"%PDF-" in content[:1_024]:
        return Kind.PDF
    if content.startswith(b"PK\x03\x04"):
        return Kind.DOCX
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise Unreadable("encrypted", "It is an old or protected Office file: save it as DOCX without a password.")
    said = _TYPES.get(media_type_of(media_type))
    if said in (Kind.PDF, Kind.DOCX):
        raise Unreadable("broken", "The file is not what its type says: it is broken, or of another kind.")
    if looks_binary(content):
        raise Unreadable("unsupported_type", "Text, Markdown, HTML, PDF, DOCX and CSV can be read; this is none.")
    return _kind_of_text(content, said, media_type_of(media_type), name)


def _kind_of_text(content: bytes, said: Kind | None, media_type: str, name: str) -> Kind:
    if said is not None and said is not Kind.PLAIN:
        return said
    named = _ENDINGS.get(name.rpartition(".")[2].lower()) if "." in name else None
    if named is not None:
        return named
    if content[:1_024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_LIKE_HTML):
        return Kind.HTML
    known = said is Kind.PLAIN or media_type in _TEXTS or media_type.startswith("text/")
    if known or media_type in ("", "application/octet-stream"):
        return Kind.PLAIN
    raise Unreadable("unsupported_type", f"Files of the type {media_type[:100]} cannot be read.")
