"""How near the answer is to the expected one in meaning, by embeddings on the processor."""

from __future__ import annotations

import msgspec
import numpy as np

from embeddings.static import shared_embedder
from evaluation.engine.evaluators.matching import NOTHING_EXPECTED
from evaluation.engine.evaluators.scores import Answered, Example, Scored, clipped


class SimilarityOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How near is near enough.

    Raises:
        ValueError: ``least`` is not within 0 and 1.
    """

    least: float = 0.0
    """0: the score is the similarity itself. Above: 1 from here on, and 0 below."""

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise ValueError("The least similarity is between 0 and 1.")


class Similarity:
    """Cosine of the two texts' vectors."""

    def __init__(self, options: SimilarityOptions) -> None:
        self._least = options.least
        self._embedder = shared_embedder()

    def score(self, example: Example, answer: Answered) -> Scored:
        """The similarity, or whether it is enough."""
        if not example.expected.strip():
            return NOTHING_EXPECTED
        near = clipped(float(np.dot(self._embedder.embed(answer.text), self._embedder.embed(example.expected))))
        if not self._least:
            return Scored(near)
        return Scored(1.0 if near >= self._least else 0.0, "near" if near >= self._least else "far", f"{near:.2f}")
