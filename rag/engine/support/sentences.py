"""An answer cut into what it says: sentences with their places, without code, headings, questions and small talk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MARK: Final = re.compile(r"\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]")
"""A citation: ``[1]``, ``[2, 3]``, ``[2-4]``."""
_MOST_OF_A_RANGE: Final = 20
_END: Final = re.compile(
    r"(?<=[.!?…])[\"'”\u2019)\]*_]*(?:\s*\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\])*(?:\s+|\Z)|(?<=[。！？])|\s*\n+\s*"
)
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Inc|Ltd|Co|Corp|vs|etc|approx|"
    r"Fig|Art|Sec|Abs|ca|bzw|z\.B|e\.g|i\.e|d\.h|p\.ej)\.)$"
)
_ITEM: Final = re.compile(r"\W*\d{1,2}[.)]")
"""The number of an item of a list."""
_GAP: Final = re.compile(r"\s+([.,;:!?])")
_FENCE: Final = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
_LEAD: Final = re.compile(r"^(?:[\s>#|*•–-]|\d{1,2}[.)]\s)+")
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]{2,}")
_NUMBER: Final = re.compile(r"\d")
_LEAST_WORDS: Final = 3
_LONGEST: Final = 2000
"""Characters of a sentence of a passage; what goes on is no sentence."""
_TALK: Final = re.compile(
    r"^(?:sure|certainly|of course|happy to|great question|here (?:is|are)|hope (?:this|that)|i hope|let me know|"
    r"feel free|thank(?:s| you)|you're welcome|please (?:let|feel|contact)|in summary|"
    r"if you (?:have|need)|according to the "
    r"(?:documents?|passages?|context)[,:]?$|gern|natürlich|bien sûr|claro|voici|hier (?:ist|sind))\b",
    re.I,
)  # fmt: skip


class Sentence(NamedTuple):
    """A sentence of an answer."""

    text: str
    """As it stands there, citations and all."""
    start: int
    end: int
    claim: bool
    """Whether it says something that can be looked up."""
    cited: tuple[int, ...]
    """Numbers that it cites, in order."""

    @property
    def said(self) -> str:
        """Its words, without citations and marks of lists."""
        return plain(self.text)


def plain(text: str) -> str:
    """Without citations, emphasis and marks of lists."""
    bare = _LEAD.sub("", MARK.sub("", text)).replace("**", "").replace("`", "").strip()
    return _GAP.sub(r"\1", bare)


def sentences(text: str) -> list[Sentence]:
    """All sentences outside code, in order."""
    found = []
    for start, end in _outside_code(text):
        found += [_sentence(text, *place) for place in _places(text, start, end)]
    return found


def claims(text: str) -> list[Sentence]:
    """Those that say something which can be looked up."""
    return [one for one in sentences(text) if one.claim]


def sentences_of(passage: str, most: int = 80) -> list[str]:
    """The sentences of a passage, at most so many; of one without any, its beginning."""
    found = [plain(passage[start:end]) for start, end in _places(passage, 0, len(passage))][:most]
    return [one[:_LONGEST] for one in found if one] or [passage[:600]]


def _outside_code(text: str) -> list[tuple[int, int]]:
    places, at = [], 0
    for fence in _FENCE.finditer(text):
        places.append((at, fence.start()))
        at = fence.end()
    return [*places, (at, len(text))]


def _places(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """First and last character of each sentence."""
    places, at = [], start
    for cut in _END.finditer(text, start, end):
        head = text[at : cut.start()]
        if "\n" not in cut[0] and (_ABBREVIATION.search(head) or _ITEM.fullmatch(head)):
            continue
        stop = cut.start() + len(cut[0].rstrip())
        places.append((at, stop))
        at = cut.end()
    places.append((at, end))
    trimmed = []
    for first, last in places:
        inside = text[first:last]
        first += len(inside) - len(inside.lstrip())
        last -= len(inside) - len(inside.rstrip())
        if last > first:
            trimmed.append((first, last))
    return trimmed


def _sentence(text: str, start: int, end: int) -> Sentence:
    raw = text[start:end]
    cited = tuple(dict.fromkeys(number for mark in MARK.findall(raw) for number in _numbers(mark)))
    return Sentence(raw, start, end, _claims(raw), cited)


def _numbers(mark: str) -> Iterator[int]:
    """Those of a citation's inside, such as ``2, 4-6``."""
    for part in re.split(r"\s*[,;]\s*", mark):
        first, *others = (int(one) for one in re.split(r"\s*[–-]\s*", part))
        yield from range(first, min(others[-1], first + _MOST_OF_A_RANGE) + 1) if others else (first,)


def _claims(raw: str) -> bool:
    said = plain(raw)
    if said.endswith(("?", "？")) or (said.endswith(":") and len(said.split()) < 12) or raw.lstrip().startswith("#"):
        return False
    if _TALK.match(said):
        return False
    return len(_WORD.findall(said)) >= _LEAST_WORDS or bool(_NUMBER.search(said))
