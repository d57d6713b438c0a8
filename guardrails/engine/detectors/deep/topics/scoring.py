"""How likely a passage is about a topic: likeness to its examples, calibrated on labelled texts.

A logistic regression over eight figures (:data:`FIGURES`), the same for every topic, so that a score of 0.8 means the
same everywhere. Weights lie in ``calibration.json``; ``python -m guardrails.training.topics DIR`` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from embeddings.static import DIMENSIONS, Embedder
from guardrails.engine.detectors.deep.topics.everyday import EVERYDAY

Matrix = np.ndarray[Any, np.dtype[np.float32]]

FIGURES: Final = (
    "nearest example",
    "mean of the three nearest",
    "middle of the examples",
    "how close the examples are to one another",
    "nearest of what people say every day",
    "nearest counter-example",
    "whether there are counter-examples",
    "logarithm of the number of examples",
)
_LONE_COHESION: Final = 0.5
"""Of a single example, which is close to no other."""
_ON_ONE_CORE: Final = 262_144
"""Multiplications from which OpenBLAS shares a product among threads: on a busy machine waiting for one another takes
them many times as long as the product."""
_FILE: Final = Path(__file__).with_name("calibration.json")


class Calibration(msgspec.Struct, frozen=True):
    """Weights in the order of :data:`FIGURES`."""

    weights: tuple[float, ...]
    intercept: float


@cache
def shipped() -> Calibration:
    """The weights in the repository."""
    return msgspec.json.decode(_FILE.read_bytes(), type=Calibration)


class TopicVectors:
    """A topic's examples as vectors; computed once."""

    def __init__(self, examples: Sequence[str], not_examples: Sequence[str], embedder: Embedder) -> None:
        self.examples = tuple(example for example in examples if example.strip())
        self.vectors = rows(self.examples, embedder)
        self.counter = rows([example for example in not_examples if example.strip()], embedder)
        middle = self.vectors.mean(axis=0)
        length = float(np.linalg.norm(middle))
        self.middle: Matrix = middle / length if length else middle
        self.cohesion = _cohesion(self.vectors)

    @property
    def matrix(self) -> Matrix:
        """Examples, counter-examples, and the middle of the examples, one a row."""
        return np.concatenate([self.vectors, self.counter, self.middle[None]])

    def figures(self, likeness: Matrix, everyday: Matrix) -> Matrix:
        """One row of :data:`FIGURES` for each passage.

        Args:
            likeness: of each passage (row) to each row of :attr:`matrix`.
            everyday: of each passage to what people say every day, at the nearest.
        """
        known, number = len(self.vectors), len(likeness)
        ordered = np.sort(likeness[:, :known], axis=1)[:, ::-1]
        counter = likeness[:, known:-1]
        columns = [
            ordered[:, 0],
            ordered[:, :3].mean(axis=1),
            likeness[:, -1],
            np.full(number, self.cohesion),
            everyday,
            counter.max(axis=1) if counter.shape[1] else np.zeros(number),
            np.full(number, float(counter.shape[1] > 0)),
            np.full(number, np.log(known)),
        ]
        return np.stack(columns, axis=1).astype(np.float32)


class TopicBank:
    """Several topics, and what people say every day: one product of matrices says how near passages come to all."""

    def __init__(self, topics: Sequence[TopicVectors], *others: Matrix) -> None:
        """``others`` are further sentences, of which only the nearest is asked: see :meth:`nearest_other`."""
        self._topics = tuple(topics)
        self._matrix = np.concatenate([*[topic.matrix for topic in topics], *others]).T.copy()
        sizes = [*[len(topic.matrix) for topic in topics], *[len(other) for other in others]]
        ends = np.cumsum(sizes).tolist()
        self._slices = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]

    def likeness(self, passages: Matrix) -> Matrix:
        """Of each passage to everything."""
        step = max(1, _ON_ONE_CORE // self._matrix.size)
        return np.concatenate(
            [passages[start : start + step] @ self._matrix for start in range(0, len(passages), step)]
        )

    def scores(self, likeness: Matrix, calibration: Calibration) -> Matrix:
        """How likely each passage (row) is about each topic (column); the first of the others is everyday's."""
        everyday = self.nearest_other(likeness, 0)
        columns = [
            probabilities(topic.figures(likeness[:, place], everyday), calibration)
            for topic, place in zip(self._topics, self._slices, strict=False)
        ]
        return np.stack(columns, axis=1)

    def nearest_other(self, likeness: Matrix, number: int) -> Matrix:
        """How near each passage comes to the others of this number."""
        nearest: Matrix = likeness[:, self._slices[len(self._topics) + number]].max(axis=1)
        return nearest

    def nearest_example(self, likeness: Matrix, passage: int, topic: int) -> str:
        """The topic's example that the passage is most like."""
        vectors = self._topics[topic]
        start = self._slices[topic].start
        place = int(likeness[passage, start : start + len(vectors.examples)].argmax())
        return vectors.examples[place]


def probabilities(figures: Matrix, calibration: Calibration) -> Matrix:
    """How likely each passage is about the topic, 0 to 1."""
    logits = figures @ np.asarray(calibration.weights, np.float32) + np.float32(calibration.intercept)
    found: Matrix = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return found


def rows(texts: Sequence[str], embedder: Embedder) -> Matrix:
    """The texts' vectors, one a row."""
    if not texts:
        return np.zeros((0, DIMENSIONS), np.float32)
    return np.stack([embedder.embed(text) for text in texts])


def everyday(embedder: Embedder) -> Matrix:
    """The vectors of :data:`EVERYDAY`."""
    return rows(EVERYDAY, embedder)


def _cohesion(vectors: Matrix) -> float:
    """How near each example's nearest neighbour is, on average."""
    if len(vectors) < 2:
        return _LONE_COHESION
    between = vectors @ vectors.T
    np.fill_diagonal(between, -1)
    return float(between.max(axis=1).mean())
