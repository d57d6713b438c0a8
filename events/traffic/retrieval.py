"""Searches of documents, and answers that rest on them, as they are counted. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from contracts.events import AnswerAssessed, RetrievalSearched
from events.traffic.scores import UNIT


class RetrievalPart(StrEnum):
    """What a row counts; the sums are of figures from 0 to 1."""

    SEARCHES = "searches"
    EMPTY = "empty"
    """Searches that found no passage."""
    DEGRADED = "degraded"
    """Searches of which a part was left out."""
    SIMILARITY = "similarity"
    """Searches by vectors, with the cosine of their best passage."""
    RISK = "risk"
    """Answers, with the probability that something in them is not borne out."""
    UNSUPPORTED = "unsupported"
    """Answers with a claim that no passage supports."""


def measured_in(event: RetrievalSearched | AnswerAssessed) -> Iterator[tuple[RetrievalPart, int]]:
    """What a search or an answer counts for, and how much, in billionths."""
    return _of_search(event) if isinstance(event, RetrievalSearched) else _of_answer(event)


def _of_search(search: RetrievalSearched) -> Iterator[tuple[RetrievalPart, int]]:
    yield RetrievalPart.SEARCHES, 0
    if not search.passages:
        yield RetrievalPart.EMPTY, 0
    if search.degraded:
        yield RetrievalPart.DEGRADED, 0
    if search.similarity is not None:
        yield RetrievalPart.SIMILARITY, round(max(0.0, search.similarity) * UNIT)


def _of_answer(answer: AnswerAssessed) -> Iterator[tuple[RetrievalPart, int]]:
    # One that says that it has no answer claims nothing.
    if not answer.declined:
        yield RetrievalPart.RISK, round(answer.risk * UNIT)
        if answer.unsupported or answer.contradicted:
            yield RetrievalPart.UNSUPPORTED, 0
