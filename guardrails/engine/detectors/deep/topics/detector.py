"""Passages that are about certain topics, or about none of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from contracts.guardrails import Finding
from embeddings.static import shared_embedder, unit
from guardrails.engine.detector import Measure
from guardrails.engine.detectors.deep.topics.everyday import SMALL_TALK
from guardrails.engine.detectors.deep.topics.options import TopicOptions
from guardrails.engine.detectors.deep.topics.passages import LEAST_WORDS, Span, sentences, with_neighbours, words_in
from guardrails.engine.detectors.deep.topics.scoring import (
    Matrix,
    TopicBank,
    TopicVectors,
    everyday,
    rows,
    shipped,
)
from guardrails.engine.text import Text

OFF_TOPIC: Final = "OFF_TOPIC"
LEAST_WORDS_OFF_TOPIC: Final = 4
"""A shorter sentence is about nothing in particular, and therefore not off the topic."""
WORDS_ALONE: Final = 7
"""A shorter sentence leans on its neighbours ("And how much is it?"); one of so many stands by itself."""
_SMALL_TALK_LIKENESS: Final = 0.7
_SHOWN: Final = 80
_NOTHING: Final = np.zeros((0, 0), np.float32)


class _Read(msgspec.Struct):
    """The passages of a text, and how likely each is about each topic."""

    text: str
    sentences: list[Span]
    pairs: list[Span]
    scores: Matrix
    """A row for each sentence, then for each pair; a column for each topic."""
    small_talk: list[bool]
    """Of each sentence."""
    likeness: Matrix
    """Of each passage to everything that the bank knows."""

    def inside(self, place: int) -> set[int]:
        """The numbers of the sentences that a passage consists of."""
        if place < len(self.sentences):
            return {place}
        start = self.pairs[place - len(self.sentences)][0]
        first = bisect_left(self.sentences, (start, start))
        return {first, first + 1}

    @property
    def spans(self) -> list[Span]:
        return [*self.sentences, *self.pairs]


class Topics:
    """Judges what a text is about; safe to share between threads."""

    def __init__(self, options: TopicOptions) -> None:
        self._options = options
        self._embedder = shared_embedder()
        topics = [TopicVectors(topic.examples, topic.not_examples, self._embedder) for topic in options.topics]
        self._bank = TopicBank(topics, everyday(self._embedder), rows(SMALL_TALK, self._embedder))
        self._calibration = shipped()

    async def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``."""
        return await asyncio.to_thread(self.look, text)

    def look(self, text: Text) -> Sequence[Finding]:
        """As :meth:`find`, in the caller's thread."""
        reading = text.folded
        read = self._read(reading.text)
        if not read.sentences:
            return []
        found = self._off_topic(read) if self._options.mode == "only" else self._on_topic(read)
        return [
            Finding(*reading.span(one.start, one.end), one.entity, one.score, one.evidence)
            for one in sorted(found, key=lambda one: one.start)
        ]

    async def measures(self, text: Text) -> Sequence[Measure]:
        """How near the text comes to each topic, also where that is not near enough."""
        read = await asyncio.to_thread(self._read, text.folded.text)
        if not read.sentences:
            return []
        return [
            Measure(
                topic.name,
                float(read.scores[:, column].max()),
                self._options.min_score,
                self._nearest(read, int(read.scores[:, column].argmax()), column),
            )
            for column, topic in enumerate(self._options.topics)
        ]

    # --- reading -----------------------------------------------------------------------------------------

    def _read(self, text: str) -> _Read:
        single = sentences(text)
        if not single:
            return _Read(text, [], [], _NOTHING, [], _NOTHING)
        pairs = with_neighbours(text, single)
        likeness = self._bank.likeness(self._vectors(text, single, pairs))
        talk = self._bank.nearest_other(likeness[: len(single)], 1) >= _SMALL_TALK_LIKENESS
        return _Read(text, single, pairs, self._bank.scores(likeness, self._calibration), talk.tolist(), likeness)

    def _vectors(self, text: str, single: list[Span], pairs: list[Span]) -> Matrix:
        """Of each sentence, then of each pair: that of two is made of theirs, since a vector is a mean of tokens'."""
        sums = np.stack([self._embedder.sum_of(self._embedder.tokens(text[start:end])) for start, end in single])
        places = {start: place for place, (start, _) in enumerate(single)}
        firsts = [places[start] for start, _ in pairs]
        return unit(np.concatenate([sums, sums[firsts] + sums[[first + 1 for first in firsts]]]) if firsts else sums)

    # --- never these -------------------------------------------------------------------------------------

    def _on_topic(self, read: _Read) -> list[Finding]:
        """Sentences that are about a topic, and pairs of which neither sentence shows it."""
        scores = self._long_enough(read)
        if self._options.per == "text":
            nearest, column = divmod(int(scores.argmax()), scores.shape[1])
            if scores[nearest, column] < self._options.min_score:
                return []
            return [self._finding(read, (read.sentences[0][0], read.sentences[-1][1]), nearest, column)]
        found: list[Finding] = []
        taken: set[int] = set()
        for place, span in enumerate(read.spans):
            column = int(scores[place].argmax())
            if scores[place, column] < self._options.min_score:
                continue
            inside = read.inside(place)
            if inside.isdisjoint(taken):
                taken |= inside
                found.append(self._finding(read, span, place, column))
        return found

    def _long_enough(self, read: _Read) -> Matrix:
        """The scores, zero where a passage is too short to be about anything, unless it is all there is."""
        scores = read.scores.copy()
        if len(read.sentences) > 1:
            for place, span in enumerate(read.sentences):
                if words_in(read.text, span) < LEAST_WORDS:
                    scores[place] = 0
        return scores

    def _finding(self, read: _Read, span: Span, place: int, column: int) -> Finding:
        name = self._options.topics[column].name
        evidence = f"topic “{name}”, {self._nearest(read, place, column)}"
        return Finding(*span, entity_of(name), round(float(read.scores[place, column]), 3), evidence)

    # --- only these --------------------------------------------------------------------------------------

    def _off_topic(self, read: _Read) -> list[Finding]:
        best = read.scores.max(axis=1)
        if self._options.per == "text":
            whole = (read.sentences[0][0], read.sentences[-1][1])
            place = int(best.argmax())
            offends = best[place] < self._options.min_score and any(
                self._can_be_off_topic(read, number) for number in range(len(read.sentences))
            )
            return [self._stray(read, whole, place)] if offends else []
        found = []
        for number, span in enumerate(read.sentences):
            leans = words_in(read.text, span) < WORDS_ALONE
            around = [
                len(read.sentences) + place
                for place, pair in enumerate(read.pairs)
                if (pair[0] == span[0] or pair[1] == span[1]) and leans
            ]
            place = max([number, *around], key=lambda one: best[one])
            if best[place] < self._options.min_score and self._can_be_off_topic(read, number):
                found.append(self._stray(read, span, place))
        return found

    def _can_be_off_topic(self, read: _Read, number: int) -> bool:
        if self._options.small_talk and read.small_talk[number]:
            return False
        return words_in(read.text, read.sentences[number]) >= LEAST_WORDS_OFF_TOPIC

    def _stray(self, read: _Read, span: Span, place: int) -> Finding:
        column = int(read.scores[place].argmax())
        score = float(read.scores[place, column])
        evidence = f"nearest topic “{self._options.topics[column].name}” at {score:.2f}"
        return Finding(*span, OFF_TOPIC, round(1 - score, 3), evidence)

    def _nearest(self, read: _Read, place: int, column: int) -> str:
        example = self._bank.nearest_example(read.likeness, place, column)
        return f"nearest example “{example if len(example) <= _SHOWN else example[: _SHOWN - 1] + '…'}”"


def entity_of(name: str) -> str:
    """The topic's name as that of an entity."""
    plain = "".join(char if char.isalnum() else "_" for char in name.upper())
    return "_".join(part for part in plain.split("_") if part) or "TOPIC"
