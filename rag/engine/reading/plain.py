"""Plain text: as it is."""

from __future__ import annotations

from rag.engine.reading.encodings import decoded
from rag.engine.reading.result import ReadDocument, TextBuilder


def read_plain(content: bytes) -> ReadDocument:
    """The text; spaces and indents stay.

    Raises:
        Unreadable: it is no text, or there is none in it.
    """
    built = TextBuilder()
    built.block(decoded(content), keep_spaces=True)
    return built.done()
