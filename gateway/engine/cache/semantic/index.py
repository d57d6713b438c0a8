"""Vectors of questions, in memory.

A search compares signs first (256 bits a vector) and then the nearest few hundred exactly: of 100,000 vectors that
reads 3 MB instead of 100, and finds all but about one in a hundred of the six nearest.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from embeddings.static import DIMENSIONS, Vector

RESCORED: Final = 200
FIRST_ROWS: Final = 8
"""Most scopes have few questions: room is doubled as they come."""
_WORDS: Final = DIMENSIONS // 64

Bits = np.ndarray[Any, np.dtype[np.uint64]]


class VectorIndex:
    """Places are 0 to ``size`` - 1, without gaps."""

    def __init__(self) -> None:
        self._rows = np.zeros((FIRST_ROWS, DIMENSIONS), np.float16)
        self._bits: list[Bits] = [np.zeros(FIRST_ROWS, np.uint64) for _ in range(_WORDS)]
        self.size = 0

    def add(self, vector: Vector) -> int:
        """Take in a unit vector; the place that it has from now on."""
        if self.size == len(self._rows):
            self._grow(2 * self.size)
        place = self.size
        self._rows[place] = vector
        for column, word in zip(self._bits, _signs(vector), strict=True):
            column[place] = word
        self.size += 1
        return place

    def remove(self, place: int) -> int:
        """Give up a place: the last vector moves there; the place that it had."""
        last = self.size = self.size - 1
        self._rows[place] = self._rows[last]
        for column in self._bits:
            column[place] = column[last]
        return last

    def nearest(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        """Places and cosine similarities, the most similar first."""
        if self.size == 0:
            return []
        candidates = self._alike(vector) if self.size > RESCORED else np.arange(self.size)
        similarities = self._rows[candidates].astype(np.float32) @ vector
        order = np.argsort(-similarities, kind="stable")[:count]
        return [(int(candidates[at]), float(similarities[at])) for at in order]

    def _alike(self, vector: Vector) -> np.ndarray[Any, np.dtype[np.intp]]:
        first, *others = zip(self._bits, _signs(vector), strict=True)
        # In a byte: only what differs in all of the 256 signs passes for alike, and is told apart by its similarity.
        distance = np.bitwise_count(first[0][: self.size] ^ first[1])
        for column, word in others:
            distance += np.bitwise_count(column[: self.size] ^ word)
        # Counting is several times as fast as sorting.
        farthest = np.searchsorted(np.cumsum(np.bincount(distance, minlength=256)), RESCORED)
        nearer = np.flatnonzero(distance < farthest)
        return np.concatenate([nearer, np.flatnonzero(distance == farthest)[: RESCORED - len(nearer)]])

    def _grow(self, size: int) -> None:
        self._rows = np.concatenate([self._rows, np.zeros((size - len(self._rows), DIMENSIONS), np.float16)])
        self._bits = [np.concatenate([column, np.zeros(size - len(column), np.uint64)]) for column in self._bits]


def _signs(vector: Vector) -> Bits:
    return np.packbits(vector > 0).view(np.uint64)
