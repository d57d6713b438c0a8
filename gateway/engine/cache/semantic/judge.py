"""How sure the evidence makes one that two questions ask the same: boosted trees, evaluated with numpy alone.

``bench/semantic_cache`` fits them on labelled pairs and writes ``judge.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from gateway.engine.cache.semantic.features import NAMES

Numbers = np.ndarray[Any, np.dtype[np.float64]]

FILE: Final = Path(__file__).with_name("judge.json")


SIMILARITY_WEIGHT: Final = 8.0
"""Log-odds for one of cosine."""
USUAL_SIMILARITY: Final = 0.85
"""At which the trees' word stands as it is."""
_SIMILARITY: Final = NAMES.index("similarity")


class Trees(msgspec.Struct, frozen=True):
    """All nodes of all trees in a row; a leaf leads to itself."""

    features: tuple[str, ...]
    baseline: float
    depth: int
    roots: list[int]
    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]


class Judge:
    """Fitted trees, ready to be asked."""

    def __init__(self, trees: Trees) -> None:
        self._baseline, self._depth = trees.baseline, trees.depth
        self._roots = np.array(trees.roots)
        self._feature = np.array(trees.feature)
        self._threshold = np.array(trees.threshold)
        self._left, self._right = np.array(trees.left), np.array(trees.right)
        self._value = np.array(trees.value)

    @classmethod
    def fitted(cls, path: Path = FILE) -> Judge:
        """The one that comes with the product."""
        return cls(msgspec.json.decode(path.read_bytes(), type=Trees))

    def confidence(self, evidence: Sequence[Sequence[float]] | np.ndarray[Any, Any]) -> Numbers:
        """From 0 to 1 for each row of :func:`gateway.engine.cache.semantic.features.features`."""
        rows = np.asarray(evidence, np.float64)
        return confidence_of(self.log_odds(rows), rows[:, _SIMILARITY])

    def log_odds(self, evidence: Sequence[Sequence[float]] | np.ndarray[Any, Any]) -> Numbers:
        """What the trees alone make of each row."""
        rows = np.asarray(evidence, np.float64)
        at = np.tile(self._roots, (len(rows), 1))
        lines = np.arange(len(rows))[:, None]
        for _ in range(self._depth):
            goes_left = rows[lines, self._feature[at]] <= self._threshold[at]
            at = np.where(goes_left, self._left[at], self._right[at])
        return np.asarray(self._baseline + self._value[at].sum(axis=1))


def confidence_of(log_odds: Numbers, similarity: Numbers) -> Numbers:
    """The trees' word, leaned towards the similarity.

    Trees learn the manners of the texts that they were fitted on; of questions of another kind the similarity knows
    more. With this weight both have a say (from 5 to 10 the benchmark's figures hardly differ).
    """
    leaned = log_odds + SIMILARITY_WEIGHT * (similarity - USUAL_SIMILARITY)
    return np.asarray(1.0 / (1.0 + np.exp(-leaned)))
