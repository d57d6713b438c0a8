"""What a reader makes of a file: one plain text, and where headings and pages begin in it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

MAX_BYTES: Final = 20_000_000
MAX_CHARACTERS: Final = 5_000_000
MAX_HEADING: Final = 400
BETWEEN_HEADINGS: Final = " > "

_SPACES: Final = re.compile(r"[^\S\n]+")
_UNSEEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff\ufffe\uffff]|[\ud800-\udfff]")
_MANY_LINES: Final = re.compile(r"\n{3,}")


class Unreadable(Exception):
    """A file that cannot be taken; ``code`` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What holds from here to the next mark."""

    start: int
    """Character of the text."""
    heading: str = ""
    """The headings that it stands under, the outermost first."""
    page: int | None = None
    alone: bool = False
    """Whether it is never joined with what stands around it, such as a row of a table."""


class ReadDocument(msgspec.Struct, frozen=True):
    """A file as it is cut and cited."""

    text: str
    marks: tuple[Mark, ...]
    title: str = ""


def cleaned(text: str) -> str:
    """Without what cannot be stored or seen; lines end as in Unix."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """In one line, with single spaces."""
    return " ".join(cleaned(text).split())


class TextBuilder:
    """Puts a text together, and remembers where what begins."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[tuple[int, str]] = []
        self._page: int | None = None
        self._marks: list[Mark] = []
        self.title = ""

    def page(self, number: int) -> None:
        """What follows stands on this page."""
        self._page = number

    def heading(self, level: int, text: str) -> None:
        """What follows stands under it, and under those of a lower level before it."""
        text = one_line(text)
        if not text:
            return
        self._headings = [one for one in self._headings if one[0] < level] + [(level, text)]
        self.title = self.title or text
        self._add(text, alone=False)

    def block(self, text: str, *, alone: bool = False, keep_spaces: bool = False) -> None:
        """A paragraph, a list entry, a row.

        Raises:
            Unreadable: the text is too long by now.
        """
        text = cleaned(text)
        if not keep_spaces:
            text = _SPACES.sub(" ", text)
        text = _MANY_LINES.sub("\n\n", text).strip()
        if text:
            self._add(text, alone=alone)

    def done(self) -> ReadDocument:
        """The document.

        Raises:
            Unreadable: there is no text in it.
        """
        if not self._parts:
            raise Unreadable("no_text", "No text was found in it.")
        return ReadDocument("".join(self._parts), tuple(self._marks), self.title[:MAX_HEADING])

    def _add(self, text: str, *, alone: bool) -> None:
        # Space between blocks belongs to the block before: marks begin with letters.
        if self._parts:
            self._parts.append("\n\n")
            self._length += 2
        path = BETWEEN_HEADINGS.join(name for _, name in self._headings)[:MAX_HEADING]
        mark = Mark(self._length, path, self._page, alone)
        before = self._marks[-1] if self._marks else None
        if before is None or alone or (before.heading, before.page, before.alone) != (path, self._page, alone):
            self._marks.append(mark)
        self._parts.append(text)
        self._length += len(text)
        if self._length > MAX_CHARACTERS:
            raise Unreadable("too_much_text", f"It has more than {MAX_CHARACTERS:,} characters.")
