"""Self-consistency: whether answers to the same question, drawn anew, bear one another out."""

from __future__ import annotations

from collections.abc import Sequence

from rag.engine.support.evidence import Evidence
from rag.engine.support.sentences import claims


def agreement(answers: Sequence[str]) -> float:
    """The share of the first answer's claims that the others bear out, on average; 1 where it claims nothing.

    What a model knows it says again in other words; what it makes up differs from draw to draw.
    """
    if len(answers) < 2:
        return 1.0
    said = [one.said for one in claims(answers[0])]
    if not said:
        return 1.0
    others = [Evidence([one]) for one in answers[1:] if one.strip()]
    if not others:
        return 0.0
    return sum(other.judge(one).supported for one in said for other in others) / (len(said) * len(others))
