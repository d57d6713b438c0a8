"""Citations of an answer: which passages its ``[n]`` name. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from contracts.chat import JsonObject
from gateway.engine.grounding.grounded import Given

_CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*)\](?!\()")
_RANGE = re.compile(r"(\d+)\s*[\u2013-]\s*(\d+)")
QUOTE: Final = 240


def numbers_in(text: str) -> list[tuple[int, int, list[int]]]:
    """Where a text cites, and which numbers: ``[1]``, ``[1, 3]``, ``[2-4]``."""
    found = []
    for match in _CITED.finditer(text):
        numbers: list[int] = []
        for part in re.split(r"[,;]", match[1]):
            several = _RANGE.fullmatch(part.strip())
            if several:
                first, last = int(several[1]), int(several[2])
                numbers += range(first, min(last, first + 20) + 1)
            else:
                numbers.append(int(part))
        found.append((match.start(), match.end(), numbers))
    return found


def citations(text: str, given: Sequence[Given]) -> list[JsonObject]:
    """The passages that the answer cites, in the order of their numbers, with the places where it does."""
    places: dict[int, list[JsonObject]] = {}
    for start, end, numbers in numbers_in(text):
        for number in numbers:
            if 1 <= number <= len(given):
                places.setdefault(number, []).append({"start": start, "end": end})
    return [_citation(number, given[number - 1], places[number]) for number in sorted(places)]


def _citation(number: int, one: Given, places: list[JsonObject]) -> JsonObject:
    passage = one.passage
    return {
        "number": number,
        "collection": passage.collection,
        "document_id": passage.document_id,
        "external_id": passage.external_id,
        "title": one.title,
        "uri": passage.uri,
        "chunk_id": passage.chunk_id,
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
        "score": round(passage.score, 6),
        "quote": shortened(one.text),
        "cited_at": places,
    }


def shortened(text: str) -> str:
    """The beginning of a passage, cut at a word."""
    plain = " ".join(text.split())
    if len(plain) <= QUOTE:
        return plain
    return plain[:QUOTE].rsplit(" ", 1)[0] + " …"


def url_citations(cited: Sequence[JsonObject]) -> list[JsonObject]:
    """The same as OpenAI tells citations of addresses: one for each place that cites a document with an address."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": one["uri"],
                "title": one["title"],
                "start_index": place["start"],
                "end_index": place["end"],
            },
        }
        for one in cited
        if one["uri"]
        for place in one["cited_at"]
    ]


def addresses(text: str, given: Sequence[Given]) -> list[str]:
    """Where the documents that an answer cites can be opened; the owner's id of those that have no address."""
    return [one["uri"] or one["external_id"] for one in citations(text, given)]
