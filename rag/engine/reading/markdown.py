"""Markdown: its source is the text, its headings say what stands where."""

from __future__ import annotations

import re
from typing import Final

from rag.engine.reading.encodings import decoded
from rag.engine.reading.result import (
    BETWEEN_HEADINGS,
    MAX_CHARACTERS,
    MAX_HEADING,
    Mark,
    ReadDocument,
    Unreadable,
    cleaned,
    one_line,
)

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FRONT_MATTER: Final = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_TITLE: Final = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_INLINE: Final = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)|[*`]+")


def read_markdown(content: bytes) -> ReadDocument:
    """The source without front matter.

    Raises:
        Unreadable: it is no text, or there is none in it.
    """
    text = cleaned(decoded(content))
    title = ""
    if front := _FRONT_MATTER.match(text):
        named = _TITLE.search(front[1])
        title = named[1].strip("\"'") if named else ""
        text = text[front.end() :]
    text = text.strip("\n").rstrip()
    if not text.strip():
        raise Unreadable("no_text", "No text was found in it.")
    if len(text) > MAX_CHARACTERS:
        raise Unreadable("too_much_text", f"It has more than {MAX_CHARACTERS:,} characters.")
    headings = _headings(text)
    first = next((name for _, level, name in headings if level == 1), headings[0][2] if headings else "")
    return ReadDocument(text, _marks(headings), (title or first)[:MAX_HEADING])


def _marks(headings: list[tuple[int, int, str]]) -> tuple[Mark, ...]:
    marks = [] if headings and headings[0][0] == 0 else [Mark(0)]
    path: list[tuple[int, str]] = []
    for start, level, name in headings:
        path = [one for one in path if one[0] < level] + [(level, name)]
        marks.append(Mark(start, BETWEEN_HEADINGS.join(one for _, one in path)[:MAX_HEADING]))
    return tuple(marks)


def _headings(text: str) -> list[tuple[int, int, str]]:
    """Where each begins, its level, its words; what stands in fenced code is none."""
    found: list[tuple[int, int, str]] = []
    fence, start, before = "", 0, (0, "")
    for line in text.split("\n"):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line[opened.end() :].strip():
                fence = ""
            before = (start, "")
        elif opened:
            fence, before = opened[1], (start, "")
        else:
            if one := _heading(line, before):
                found.append((start if one[0] else before[0], abs(one[1]), one[2]))
            before = (start, line)
        start += len(line) + 1
    return [one for one in found if one[2]]


def _heading(line: str, before: tuple[int, str]) -> tuple[bool, int, str] | None:
    """Whether the line itself is the heading (else the one above it), its level, its words."""
    if hashes := _HEADING.match(line):
        return True, len(hashes[1]), _words(hashes[2])
    above = before[1].strip()
    under = _UNDERLINE.match(line)
    # A line of dashes below a list, a quote or a table's row is none.
    if under and above and not above.startswith(("#", "-", "*", ">", "|", "+")) and "|" not in above:
        return False, 1 if under[1][0] == "=" else 2, _words(above)
    return None


def _words(text: str) -> str:
    return one_line(_INLINE.sub(lambda found: found[1] or "", text))
