"""A linear classifier over hashed n-grams, in windows over long texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from math import exp, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guardrails.engine.detectors.injection.features import LENGTHS, Buckets, features, features_of_one

WINDOW = 2048
"""Bytes that are weighed together; those of longer texts overlap by half."""

_FURTHEST = 700.0
"""Beyond, e to that power is no number."""

Values = npt.NDArray[np.float64]


class Weighed(NamedTuple):
    """How likely each window is an attack."""

    starts: list[int]
    ends: list[int]
    """Bytes of the text."""
    scores: Values
    """0 to 1."""


def windows(size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the windows over so many bytes start and end."""
    if size <= WINDOW:
        return np.array([0]), np.array([size])
    starts = np.arange(0, size - WINDOW // 2, WINDOW // 2)
    return starts, np.minimum(starts + WINDOW, size)


class Classifier:
    """Weights of n-grams: one byte each and a common scale."""

    def __init__(self, weights: npt.NDArray[np.int8], scale: float, bias: float) -> None:
        self._weights = weights  # in bytes: the table fits a core's own cache
        self._scale = scale
        self._bias = bias

    @classmethod
    @cache
    def shipped(cls, name: str) -> Classifier:
        """The one whose weights lie beside this module, as ``python -m guardrails.training.injection`` writes them."""
        with np.load(BytesIO(files(__package__).joinpath(f"{name}.npz").read_bytes())) as stored:
            return cls(stored["weights"], float(stored["scale"]), float(stored["bias"]))

    def weigh(self, data: bytes) -> Weighed:
        """How likely the windows of the text in UTF-8 are attacks."""
        if len(data) <= WINDOW:
            return self._weigh_one(data)
        starts, ends = windows(len(data))
        places = np.unique(np.concatenate((starts, ends)))
        found = features(data, places.tolist())
        edges = np.searchsorted(places, starts), np.searchsorted(places, ends)
        logits = (
            self._bias
            + self._sums(found.grams, found.gram_ends, *(found.characters[edge] for edge in edges))
            + self._sums(found.words, found.word_ends, *(found.words_before[edge] for edge in edges))
        )
        return Weighed(starts.tolist(), ends.tolist(), 1 / (1 + np.exp(-logits)))

    def _weigh_one(self, data: bytes) -> Weighed:
        """The whole text is one window, as prompts mostly are: no sums are needed but the last."""
        grams, characters, words, number = features_of_one(data)
        logit = self._bias + self._scale * (
            self._sum(grams) / sqrt(max(len(LENGTHS) * characters, 1))
            + self._sum(words) / sqrt(max(len(LENGTHS) * number, 1))
        )
        return Weighed([0], [len(data)], np.array([1 / (1 + exp(min(-logit, _FURTHEST)))]))

    def _sum(self, buckets: npt.NDArray[np.int64]) -> int:
        return int(np.add.reduce(self._weights.take(buckets), dtype=np.int64))

    def _sums(
        self, buckets: Buckets, ends: Sequence[int], first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
    ) -> Values:
        """Per window, the sum of the weights of its n-grams over the root of their number.

        Args:
            buckets: of each kind of n-gram behind one another.
            ends: where each kind ends.
            first: which n-gram of its kind is the first of the window.
            last: which is the first behind it.
        """
        total = np.zeros(len(buckets) + 1, dtype=np.int64)
        np.cumsum(self._weights.take(buckets), dtype=np.int64, out=total[1:])
        sums = np.zeros(len(first), dtype=np.int64)
        for start, end in pairwise((0, *ends)):
            sums += total[np.minimum(last + start, end)] - total[np.minimum(first + start, end)]
        weighed: Values = self._scale * sums / np.sqrt(np.maximum(len(LENGTHS) * (last - first), 1))
        return weighed


def parts(data: bytes, start: int, end: int) -> list[tuple[npt.NDArray[np.int64], float]]:
    """What :meth:`Classifier.weigh` sums up for a window of the text: buckets, and by what each of them counts."""
    found = features(data, (start, end))
    parted = []
    for buckets, ends, (first, last) in (
        (found.grams, found.gram_ends, found.characters.tolist()),
        (found.words, found.word_ends, found.words_before.tolist()),
    ):
        one = 1 / sqrt(max(len(LENGTHS) * (last - first), 1))
        parted += [(buckets[low + first : min(low + last, high)], one) for low, high in pairwise((0, *ends))]
    return parted
