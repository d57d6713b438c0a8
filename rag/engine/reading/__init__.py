"""Files as text: which kind it is, and the reader of that kind."""

from __future__ import annotations

from rag.engine.reading.kinds import Kind, charset_of, kind_of
from rag.engine.reading.markdown import read_markdown
from rag.engine.reading.plain import read_plain
from rag.engine.reading.result import MAX_BYTES, Mark, ReadDocument, Unreadable
from rag.engine.reading.tables import read_table

__all__ = ["MAX_BYTES", "Kind", "Mark", "ReadDocument", "Unreadable", "kind_of", "read"]


def read(content: bytes, media_type: str, *, name: str = "") -> tuple[Kind, ReadDocument]:
    """The file's kind and text.

    Raises:
        Unreadable: it is too large, broken, encrypted, empty, or of a kind that cannot be read.
    """
    if len(content) > MAX_BYTES:
        raise Unreadable("too_large", f"A file has at most {MAX_BYTES // 1_000_000} MB.")
    if not content.strip():
        raise Unreadable("no_text", "The file is empty.")
    kind = kind_of(content, media_type, name)
    return kind, _read_as(kind, content, charset_of(media_type))


def _read_as(kind: Kind, content: bytes, charset: str) -> ReadDocument:
    # Parsers of binary formats are imported by who reads such a file: web processes never do.
    if kind is Kind.PDF:
        from rag.engine.reading.pdf import read_pdf

        return read_pdf(content)
    if kind is Kind.DOCX:
        from rag.engine.reading.docx import read_docx

        return read_docx(content)
    if kind is Kind.HTML:
        from rag.engine.reading.html import read_html

        return read_html(content, charset=charset)
    if kind in (Kind.CSV, Kind.TSV):
        return read_table(content, delimiter="\t" if kind is Kind.TSV else "")
    return read_markdown(content) if kind is Kind.MARKDOWN else read_plain(content)
