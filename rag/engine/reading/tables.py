"""CSV: a row is a passage, with the names of its columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Final

from rag.engine.reading.encodings import decoded
from rag.engine.reading.result import ReadDocument, TextBuilder, Unreadable, cleaned, one_line

MAX_COLUMNS: Final = 500
_SAMPLE: Final = 16_000
_FIELD_LIMIT: Final = 1_000_000


def read_table(content: bytes, *, delimiter: str = "") -> ReadDocument:
    """Its rows, each a passage that is never joined with others.

    Raises:
        Unreadable: it is no table, or has no rows.
    """
    text = cleaned(decoded(content))
    rows = _rows(text, delimiter)
    names = [one_line(name) or f"Column {place}" for place, name in enumerate(next(rows, []), start=1)]
    if not names:
        raise Unreadable("no_text", "The table is empty.")
    if len(names) > MAX_COLUMNS:
        raise Unreadable("bad_table", f"The table has more than {MAX_COLUMNS} columns.")
    built = TextBuilder()
    for row in rows:
        built.block(in_words(names, row), alone=True)
    return built.done()


def in_words(names: Sequence[str], row: Sequence[str]) -> str:
    """A row as lines of ``column: value``; empty ones left out."""
    cells = [*row, *[""] * (len(names) - len(row))]
    # What is beyond the named columns belongs to the last.
    named = zip(names, [*cells[: len(names) - 1], " ".join(cells[len(names) - 1 :])], strict=True)
    return "\n".join(f"{name}: {value}" for name, cell in named if (value := one_line(cell)))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter or _delimiter(text[:_SAMPLE]))
    try:
        yield from (row for row in reader if any(cell.strip() for cell in row))
    except csv.Error as error:
        raise Unreadable("bad_table", f"The table cannot be read: line {reader.line_num}: {error}.") from error


def _delimiter(sample: str) -> str:
    """The one that splits most lines into the same number of cells, and into the most."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()] or [""]

    def fitness(mark: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=mark)]
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        return (widths.count(usual) if usual > 1 else 0), usual

    return max((",", ";", "\t", "|"), key=fitness)
