"""Texts cut into chunks: within sections, at the ends of paragraphs and sentences, sized in tokens.

The text is tokenised once. Chunks are found by a capacity in characters that follows from how many tokens the section
has, and one that has too many tokens all the same is cut again by its own: having the splitter count tokens takes ten
times as long.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from rag.engine.reading.result import BETWEEN_HEADINGS, Mark

VERSION: Final = 1
"""Another one whenever the same text would be cut otherwise."""
_ROOM: Final = 0.92
"""Of a capacity: what is denser than the rest of its section mostly fits all the same."""
_SMALL: Final = 4
"""A section below this part of a chunk is joined with the one after it."""
_FRAGMENT: Final = 12
"""As is a piece of a section below this part."""
_INDIVISIBLE: Final = 8
"""Characters: fewer are never divided."""


class Cut(msgspec.Struct, frozen=True):
    """One chunk."""

    start: int
    end: int
    text: str
    heading: str
    page: int | None
    tokens: int

    @property
    def text_hash(self) -> str:
        """Of what is embedded."""
        return hashlib.sha256(embedded_text(self.heading, self.text).encode()).hexdigest()


class _Section(msgspec.Struct):
    start: int
    end: int
    heading: str
    alone: bool


def embedded_text(heading: str, text: str) -> str:
    """What a chunk's vector is made of."""
    return f"{heading}\n{text}" if heading else text


class Cutter:
    """Cuts by one tokenizer and size; to be used by one thread at a time."""

    def __init__(self, tokenizer: Any, *, tokens: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._tokens, self._overlap = tokens, overlap

    def cut(self, text: str, marks: Sequence[Mark], *, markdown: bool = False) -> list[Cut]:
        """The chunks in order; ``text[start:end]`` is each one's text."""
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        begins = [start for start, _ in encoded.offsets]
        found: list[Cut] = []
        for section in self._joined(_sections(text, marks), begins):
            for start, piece in self._pieces(text, section, begins, markdown=markdown):
                end = start + len(piece)
                page = _page_at(marks, start)
                found.append(Cut(start, end, piece, section.heading, page, max(1, _between(begins, start, end))))
        return found

    def _joined(self, sections: Iterable[_Section], begins: Sequence[int]) -> Iterator[_Section]:
        """Small sections with what follows them, under the headings that both have."""
        held: _Section | None = None
        for section in sections:
            if held is None:
                held = section
            elif self._joins(held, section, begins):
                held = _Section(held.start, section.end, _common(held.heading, section.heading), alone=False)
            else:
                yield held
                held = section
        if held is not None:
            yield held

    def _joins(self, held: _Section, section: _Section, begins: Sequence[int]) -> bool:
        if held.alone or section.alone:
            return False
        small = _between(begins, held.start, held.end) < self._tokens // _SMALL
        # A heading over headings goes with the first of them, whatever size that has.
        nests = section.heading.startswith(held.heading)
        return small and nests and _between(begins, held.start, section.end) <= self._tokens

    def _pieces(
        self, text: str, section: _Section, begins: Sequence[int], *, markdown: bool
    ) -> Iterator[tuple[int, str]]:
        places: list[tuple[int, int]] = []
        for start, end in self._places(text, section.start, section.end, begins, markdown=markdown):
            whole = places[-1][0] if places else start
            fragment = bool(places) and (
                self._is_fragment(begins, *places[-1]) or self._is_fragment(begins, start, end)
            )
            # A heading, or the end of a block of code, says nothing by itself.
            if fragment and _between(begins, whole, end) <= self._tokens:
                places[-1] = (whole, end)
            else:
                places.append((start, end))
        yield from ((start, text[start:end]) for start, end in places)

    def _places(
        self, text: str, start: int, end: int, begins: Sequence[int], *, markdown: bool
    ) -> Iterator[tuple[int, int]]:
        """Where pieces begin and end that have few enough tokens."""
        body = text[start:end]
        count = _between(begins, start, end)
        if count <= self._tokens or len(body) <= _INDIVISIBLE:
            stripped = body.strip()
            if stripped:
                begin = start + body.index(stripped)
                yield begin, begin + len(stripped)
            return
        for offset, piece in self._split(body, len(body) / count, markdown=markdown):
            begin = start + offset
            yield from self._places(text, begin, begin + len(piece), begins, markdown=markdown)

    def _split(self, body: str, a_token: float, *, markdown: bool) -> list[tuple[int, str]]:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter

        capacity = max(_INDIVISIBLE, int(self._tokens * a_token * _ROOM))
        overlap = min(int(self._overlap * a_token), capacity // 2)
        kind: Any = MarkdownSplitter if markdown else TextSplitter
        return list(kind(capacity, overlap).chunk_indices(body))

    def _is_fragment(self, begins: Sequence[int], start: int, end: int) -> bool:
        return _between(begins, start, end) < self._tokens // _FRAGMENT


def _sections(text: str, marks: Sequence[Mark]) -> Iterator[_Section]:
    """Stretches under one heading; pages divide nothing."""
    current: _Section | None = None
    for mark in marks or (Mark(0),):
        if current is not None:
            if not mark.alone and not current.alone and mark.heading == current.heading:
                continue
            current.end = mark.start
            yield current
        current = _Section(mark.start, len(text), mark.heading, mark.alone)
    if current is not None:
        yield current


def _common(one: str, other: str) -> str:
    """The headings that both stand under."""
    both = []
    for mine, others in zip(one.split(BETWEEN_HEADINGS), other.split(BETWEEN_HEADINGS), strict=False):
        if mine != others:
            break
        both.append(mine)
    return BETWEEN_HEADINGS.join(both)


def _between(begins: Sequence[int], start: int, end: int) -> int:
    """How many tokens begin there."""
    return bisect_left(begins, end) - bisect_left(begins, start)


def _page_at(marks: Sequence[Mark], start: int) -> int | None:
    place = bisect_right(marks, start, key=lambda mark: mark.start) - 1
    return marks[place].page if place >= 0 else None
