"""One figure for a whole answer, from those of its sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from contracts.retrieval import SentenceSupport
from rag.engine.support.trees import FOLDER, Linear

WEIGHTS: Final = FOLDER / "answers.npz"
_LEAST: Final = 0.002


@cache
def answer_model() -> Linear:
    """The model of whole answers, read at its first use."""
    return Linear.load(WEIGHTS)


def risk_of(sentences: Sequence[SentenceSupport], model: Linear | None = None) -> float:
    """Probability that something in it is not borne out; 0 where it claims nothing.

    Calibrated on answers, but never below the doubt about a sentence that counts as not borne out: an answer cannot be
    surer than what it is made of.
    """
    if not sentences:
        return 0.0
    doubts = [1 - one.support for one in sentences]
    row = summary(doubts, sum(one.verdict == "contradicted" for one in sentences))
    least = max((1 - one.support for one in sentences if one.verdict != "supported"), default=0.0)
    return round(max(least, (model or answer_model()).probability(row)), 4)


def summary(doubts: Sequence[float], contradicted: int) -> np.ndarray:
    """What the model of answers looks at."""
    kept = [min(1 - _LEAST, max(_LEAST, one)) for one in doubts]
    all_hold = sum(math.log(1 - one) for one in kept)
    worst = max(kept)
    return np.array(
        [
            math.log(worst / (1 - worst)),
            math.log(1 - math.exp(all_hold) + _LEAST) - all_hold,
            sum(kept) / len(kept),
            math.log(len(kept)),
            min(contradicted, 3),
        ]
    )
