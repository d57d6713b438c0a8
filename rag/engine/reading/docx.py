"""Word documents: paragraphs and tables in order, under their headings."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any, Final

from rag.engine.reading.archives import check_archive
from rag.engine.reading.result import ReadDocument, TextBuilder, Unreadable, one_line
from rag.engine.reading.tables import in_words

_HEADING: Final = re.compile(r"heading (\d)", re.IGNORECASE)


def read_docx(content: bytes) -> ReadDocument:
    """Its text; the rows of a table name its columns.

    Raises:
        Unreadable: it is broken, encrypted, or not what it seems to be.
    """
    if "word/document.xml" not in check_archive(content):
        raise Unreadable("not_text", "It is an archive, but no Word document.")
    document = _opened(content)
    built = TextBuilder()
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            _table(built, block)
        else:
            _paragraph(built, block)
    built.title = str(document.core_properties.title or "").strip() or built.title
    return built.done()


def _opened(content: bytes) -> Any:
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        return docx.Document(io.BytesIO(content))
    except (OpcError, LxmlError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Unreadable("broken", "The Word document is broken.") from error


def _paragraph(built: TextBuilder, paragraph: Any) -> None:
    style = (paragraph.style.name or "") if paragraph.style is not None else ""
    found = _HEADING.match(style)
    if found:
        built.heading(int(found[1]), paragraph.text)
    elif style == "Title":
        built.heading(0, paragraph.text)
    else:
        built.block(f"- {paragraph.text}" if style.startswith("List") and paragraph.text.strip() else paragraph.text)


def _table(built: TextBuilder, table: Any) -> None:
    names: list[str] = []
    for row in table.rows:
        cells: list[str] = []
        seen: set[int] = set()
        for cell in row.cells:
            # A cell that spans columns is given for each of them.
            if id(cell._tc) not in seen:
                seen.add(id(cell._tc))
                cells.append(one_line(cell.text))
        if names and len(cells) == len(names):
            built.block(in_words(names, cells))
        else:
            built.block(" | ".join(cells) if any(cells) else "")
            names = names or ([name or f"Column {place}" for place, name in enumerate(cells, start=1)])
