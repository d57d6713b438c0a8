"""Many tests at once, over signals and segments: which of them drifted, with a share of false ones that is bounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from evaluation.engine.drift.results import Tested
from evaluation.engine.statistics.corrections import benjamini_hochberg


class Question(msgspec.Struct, frozen=True):
    """One test to make."""

    signal: str
    """What is looked at, such as ``latency`` or ``prompt``."""
    segment: str
    """Where, such as ``route:chat``; empty: everywhere."""
    test: Callable[[], Tested]
    least: float = 0.0
    """A statistic below this is too small to matter, however sure it is."""


class Finding(msgspec.Struct, frozen=True):
    """What came of a question."""

    signal: str
    segment: str
    tested: Tested
    q: float
    """p adjusted for all questions (Benjamini, Hochberg); nan: not tested."""
    drifted: bool


def findings(questions: Sequence[Question], *, false_discoveries: float = 0.05) -> list[Finding]:
    """All answers, drifted and surest first; of those that drifted, that share is false at most on average."""
    tested = [question.test() for question in questions]
    adjusted = benjamini_hochberg([each.p for each in tested])
    answers = [
        Finding(
            signal=question.signal,
            segment=question.segment,
            tested=each,
            q=float(q),
            drifted=bool(q <= false_discoveries) and each.statistic >= question.least,
        )
        for question, each, q in zip(questions, tested, adjusted, strict=True)
    ]
    return sorted(answers, key=lambda answer: (not answer.drifted, math.inf if math.isnan(answer.q) else answer.q))
