"""Texts in pieces for pages: where passages begin, what was asked for, which words matched. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SHOWN_CHARACTERS: Final = 60_000
"""Of a document on one page; longer ones are leafed through."""
_AT = re.compile(r"\A(\d{1,9})-(\d{1,9})\Z")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, marked or not; ``first`` is the first marked one of all."""

    text: str
    marked: bool = False
    first: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """The text from the beginning of one passage to that of the next."""

    chunk: Any
    """None before the first passage, and where there are none."""
    pieces: tuple[Piece, ...]
    end: int


def parse_range(text: str, length: int) -> tuple[int, int] | None:
    """``120-340`` within the text; None where it is no such range, or beyond the text's end."""
    found = _AT.match(text)
    if found is None:
        return None
    start, end = int(found[1]), min(int(found[2]), length)
    return (start, end) if start < end else None


def window(starts: Sequence[int], length: int, wanted: int) -> tuple[int, int]:
    """From where to where the text is shown so that ``wanted`` is in it: whole passages, some 60,000 characters."""
    edges = [0, *(one for one in starts if 0 < one < length), length]
    begin = 0
    for at, edge in enumerate(edges):
        over = edge - begin > SHOWN_CHARACTERS and at > 0 and edges[at - 1] > begin
        if over:
            if wanted < edges[at - 1]:
                return begin, edges[at - 1]
            begin = edges[at - 1]
    return begin, length


def stretches(
    text: str, chunks: Sequence[Any], shown: tuple[int, int], marked: tuple[int, int] | None
) -> list[Stretch]:
    """The shown part of the text, one stretch a passage, with the marked characters told apart."""
    begin, end = shown
    inside = [one for one in chunks if begin <= one.start < end]
    edges = [*(one.start for one in inside), end]
    found: list[Stretch] = []
    first = True
    if edges[0] > begin:
        pieces = _pieces(text, begin, edges[0], marked, first=first)
        first = first and not any(piece.marked for piece in pieces)
        found.append(Stretch(None, pieces, edges[0]))
    for chunk, until in zip(inside, edges[1:], strict=True):
        pieces = _pieces(text, chunk.start, until, marked, first=first)
        first = first and not any(piece.marked for piece in pieces)
        found.append(Stretch(chunk, pieces, until))
    return found


def _pieces(text: str, begin: int, end: int, marked: tuple[int, int] | None, *, first: bool) -> tuple[Piece, ...]:
    if marked is None or marked[1] <= begin or marked[0] >= end:
        return (Piece(text[begin:end]),)
    low, high = max(begin, marked[0]), min(end, marked[1])
    pieces = (Piece(text[begin:low]), Piece(text[low:high], marked=True, first=first), Piece(text[high:end]))
    return tuple(piece for piece in pieces if piece.text)


OPENS: Final = "\ue000"
CLOSES: Final = "\ue001"
"""Characters for private use: no text that is shown has them."""


def without_marks(text: str) -> str:
    """The text without characters that would be taken for marks."""
    return text.replace(OPENS, "").replace(CLOSES, "")


def from_marks(text: str) -> tuple[Piece, ...]:
    """A text in which :data:`OPENS` and :data:`CLOSES` stand around what is to be marked, in pieces."""
    pieces: list[Piece] = []
    for part in text.split(OPENS):
        inside, closed, after = part.partition(CLOSES)
        if closed:
            pieces += [Piece(inside, marked=True), Piece(after)]
        else:
            pieces.append(Piece(inside))
    return tuple(piece for piece in pieces if piece.text)
