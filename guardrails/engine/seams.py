"""Where one text of a conversation ends and the next begins: a match may have been split over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.screened import ScreenedBy

REACH: Final = 96
"""Characters on either side that are looked at together."""

_BETWEEN: Final = "\n\n\n"


class _Piece(msgspec.Struct, frozen=True):
    """Characters of one of the texts within the seams."""

    text: int
    offset: int
    """In that text."""
    start: int
    end: int
    """In the seams."""


class Seams:
    """The ends and beginnings of neighbouring texts, put together with nothing and with a line's end between."""

    def __init__(self, texts: Sequence[str], neighbours: Sequence[int], screened: ScreenedBy | None = None) -> None:
        """``neighbours`` are the numbers of the texts that follow each other; what is ``screened`` is left out."""
        self._screened = screened
        self.joined: list[str] = []
        """What was put together, piece by piece."""
        self._segments: list[list[_Piece]] = []
        self._parts: list[str] = []
        self._length = 0
        for place in range(1, len(neighbours)):
            before = _reach(texts, list(reversed(neighbours[:place])), backwards=True)[::-1]
            after = _reach(texts, neighbours[place:], backwards=False)
            if not before or not after:
                continue
            self._add(texts, before + after, "")
            if texts[before[-1][0]][-1:].isalnum() and texts[after[0][0]][:1].isalnum():
                self._add(texts, before + after, "\n")
        self.text = "".join(self._parts)
        """What is to be looked at as one more text; empty where there is nothing to look at."""

    def _add(self, texts: Sequence[str], stretches: list[tuple[int, int, int]], glue: str) -> None:
        joined = glue.join(texts[number][start:end] for number, start, end in stretches)
        if self._screened is not None and self._screened.knows(joined):
            return
        self.joined.append(joined)
        pieces: list[_Piece] = []
        for number, start, end in stretches:
            if pieces:
                self._put(glue)
            pieces.append(_Piece(number, start, self._length, self._length + end - start))
            self._put(texts[number][start:end])
        self._segments.append(pieces)
        self._put(_BETWEEN)

    def _put(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)

    def split(self, finding: Finding) -> list[tuple[int, Finding]]:
        """The finding as findings in the texts over which it is spread; nothing where it is all in one of them."""
        for pieces in self._segments:
            if finding.start < pieces[-1].end and pieces[0].start < finding.end:
                parts = [_part(piece, finding) for piece in pieces if piece.start < finding.end]
                parts = [part for part in parts if part[1].start < part[1].end]
                inside = pieces[0].start <= finding.start and finding.end <= pieces[-1].end
                return parts if inside and len(parts) > 1 else []
        return []


def _reach(texts: Sequence[str], numbers: Sequence[int], *, backwards: bool) -> list[tuple[int, int, int]]:
    stretches, left = [], REACH
    for number in numbers:
        length = len(texts[number])
        if length:
            taken = min(left, length)
            stretches.append((number, length - taken, length) if backwards else (number, 0, taken))
            left -= taken
        if not left:
            break
    return stretches


def _part(piece: _Piece, finding: Finding) -> tuple[int, Finding]:
    start, end = max(piece.start, finding.start), min(piece.end, finding.end)
    moved = msgspec.structs.replace(
        finding,
        start=start - piece.start + piece.offset,
        end=end - piece.start + piece.offset,
        evidence=f"{finding.evidence}, split over texts" if finding.evidence else "split over texts",
    )
    return piece.text, moved
