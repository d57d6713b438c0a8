"""Boosted trees and a linear model as plain arrays, of which files beside this module are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]
FOLDER: Final = Path(__file__).parent / "weights"
CLASSES: Final = 3


class Trees(msgspec.Struct, frozen=True):
    """Trees that vote for three classes. A row falls left at a node where its feature is at most the threshold."""

    feature: Array
    """Of each node of each tree (row); -1 at leaves."""
    threshold: Array
    left: Array
    right: Array
    value: Array
    """Of leaves; 0 elsewhere."""
    base: Array
    """What each class begins with; tree t votes for class t modulo their number."""
    scale: float
    """Calibration: votes are multiplied with it, and :attr:`shift` added."""
    shift: Array

    def probabilities(self, rows: Array) -> Array:
        """Of each row and class."""
        return self.calibrated(self.votes(rows))

    def calibrated(self, votes: Array) -> Array:
        """Probabilities from votes."""
        logits = votes * self.scale + self.shift
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def votes(self, rows: Array) -> Array:
        """Of each row and class, before calibration; all trees go down at once."""
        trees, width = self.feature.shape
        feature, threshold, left, right = (one.ravel() for one in (self.feature, self.threshold, self.left, self.right))
        first = np.tile(np.arange(trees) * width, len(rows))  # of each row and tree, the place of its root
        cells = np.repeat(np.arange(len(rows)) * rows.shape[1], trees)
        flat, at = rows.ravel(), first
        while True:
            asked = feature.take(at)
            inner = asked >= 0
            if not inner.any():
                break
            goes_left = flat.take(cells + np.maximum(asked, 0)) <= threshold.take(at)
            at = np.where(inner, first + np.where(goes_left, left.take(at), right.take(at)), at)
        values = self.value.ravel().take(at).reshape(len(rows), -1, CLASSES)
        votes: Array = values.sum(axis=1) + self.base
        return votes

    def save(self, path: Path) -> None:
        """Write them."""
        np.savez_compressed(path, **msgspec.structs.asdict(self))

    @staticmethod
    def load(path: Path) -> Trees:
        """Those of a file."""
        with np.load(path) as found:
            return Trees(
                found["feature"].astype(np.intp),
                found["threshold"],
                found["left"].astype(np.intp),
                found["right"].astype(np.intp),
                found["value"].astype(np.float32),
                found["base"],
                float(found["scale"]),
                found["shift"],
            )


class Linear(msgspec.Struct, frozen=True):
    """A logistic model over standardised numbers."""

    mean: Array
    spread: Array
    weights: Array
    bias: float

    def probability(self, row: Array) -> float:
        """That the row is of the class."""
        return 1 / (1 + float(np.exp(-np.clip(self.logits(row), -30, 30))))

    def logits(self, rows: Array) -> Array:
        """Of one row, or of each."""
        found: Array = ((rows - self.mean) / self.spread) @ self.weights + self.bias
        return found

    def save(self, path: Path) -> None:
        """Write it."""
        np.savez_compressed(path, **msgspec.structs.asdict(self))

    @staticmethod
    def load(path: Path) -> Linear:
        """That of a file."""
        with np.load(path) as found:
            return Linear(found["mean"], found["spread"], found["weights"], float(found["bias"]))
