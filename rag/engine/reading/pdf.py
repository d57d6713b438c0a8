"""PDF: the text of its pages."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from rag.engine.reading.result import ReadDocument, TextBuilder, Unreadable

MAX_PAGES: Final = 5_000
_HYPHENS: Final = re.compile(r"(?<=[a-z\u00df-\u00ff])(?:-|\ufffe|\u00ad)\n(?=[a-z\u00df-\u00ff])")
_LINE_END: Final = re.compile(r"(?<![.:;!?])\n(?=[a-z\u00df-\u00ff(])")
# PDFium is not safe to be used by two threads at once.
_one_at_a_time: Final = threading.Lock()


def read_pdf(content: bytes) -> ReadDocument:
    """Its text, page by page.

    Raises:
        Unreadable: it is broken, encrypted, too long, or only has pictures of text.
    """
    import pypdfium2

    with _one_at_a_time:
        try:
            document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            raise _refusal(error) from error
        try:
            return _read(document)
        finally:
            document.close()


def _read(document: Any) -> ReadDocument:
    import pypdfium2

    if len(document) > MAX_PAGES:
        raise Unreadable("too_many_pages", f"It has more than {MAX_PAGES:,} pages.")
    built = TextBuilder()
    for number in range(len(document)):
        built.page(number + 1)
        try:
            page = document[number]
            words = page.get_textpage()
            built.block(_flowing(words.get_text_bounded()))
            words.close()
            page.close()
        except pypdfium2.PdfiumError as error:
            raise Unreadable("broken", f"Page {number + 1} of the PDF is broken.") from error
    read = _titled(built, document)
    return read


def _titled(built: TextBuilder, document: Any) -> ReadDocument:
    built.title = str(document.get_metadata_value("Title") or "").strip()
    try:
        return built.done()
    except Unreadable as problem:
        if problem.code != "no_text":
            raise
        raise Unreadable("no_text", "Its pages hold pictures only: have the text recognised (OCR) first.") from problem


def _flowing(text: str) -> str:
    """Words that a line end divides put together, and lines of one paragraph joined."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _LINE_END.sub(" ", _HYPHENS.sub("", text))


def _refusal(error: Exception) -> Unreadable:
    if "password" in str(error).lower():
        return Unreadable("encrypted", "The PDF is protected by a password.")
    return Unreadable("broken", "The PDF is broken.")
