"""Whether an answer rests on the passages that it was given, whether its citations lead to them, and how risky it is.

The figures are those of :mod:`rag.engine.support`, by which the gateway judges answers too: calibrated probabilities,
from arithmetic alone. No model is asked, so a change of wording can fool it either way; a judge with a rubric costs
money and sees more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from evaluation.engine.evaluators.scores import Answered, Example, Scored, clipped
from rag.engine.support.assessor import SupportAssessor
from rag.engine.support.evidence import Evidence
from rag.engine.support.responses import response_risk
from rag.engine.support.sentences import Sentence, claims, sentences

NO_CONTEXT: Final = Scored(None, "no context", "The item has no passages.")
_NO_CLAIM: Final = Scored(None, "no claim", "The answer claims nothing that could be looked up.")
_QUOTE: Final = re.compile(r"[\"“«]([^\"”»]{15,400})[\"”»]")
_RISKY: Final = 0.5


class GroundednessOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a sentence counts as supported.

    Raises:
        ValueError: ``support`` is not within 0 and 1.
    """

    support: float = 0.5
    """How probable it has to be that the passages bear it out."""

    def __post_init__(self) -> None:
        if not 0 < self.support <= 1:
            raise ValueError("Support is between 0 and 1.")


class CitationsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What citations have to be like: ``[1]`` is the item's first passage."""

    every_sentence: bool = False
    """Whether each sentence has to cite something."""
    support: float = 0.4
    """How probable it has to be that the cited passage bears the sentence out."""


class RiskOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked at."""

    passages: bool = True
    """Whether answers are held against the item's passages, where it has some; else their wording alone is judged."""


class Groundedness:
    """The share of the answer's sentences that its passages bear out."""

    def __init__(self, options: GroundednessOptions) -> None:
        self._support = options.support

    def score(self, example: Example, answer: Answered) -> Scored:
        """The share; the sentence with the least support is named."""
        if not any(one.strip() for one in example.context):
            return NO_CONTEXT
        said = [one.said for one in claims(answer.text)]
        if not said:
            return _NO_CLAIM
        judged = Evidence(example.context).judge_all(said)
        bad = [(one.supported, claim) for one, claim in zip(judged, said, strict=True) if one.supported < self._support]
        if not bad:
            return Scored(1.0, "grounded")
        worst = min(bad)[1]
        return Scored(1 - len(bad) / len(said), "unsupported", f"Not in the passages: “{worst[:300]}”")


class Citations:
    """The share of citations and quotes that lead to a passage which bears the sentence out."""

    def __init__(self, options: CitationsOptions) -> None:
        self._options = options

    def score(self, example: Example, answer: Answered) -> Scored:
        """The share; none where nothing is cited and nothing has to be."""
        if not example.context:
            return NO_CONTEXT
        right = wrong = 0
        why = ""
        for sentence in sentences(answer.text):
            good, bad, problem = self._checked(sentence, example.context)
            right, wrong, why = right + good, wrong + bad, why or problem
        if not right + wrong:
            return Scored(None, "none", "The answer cites nothing.")
        return Scored(right / (right + wrong), "wrong" if wrong else "right", why)

    def _checked(self, sentence: Sentence, context: Sequence[str]) -> tuple[int, int, str]:
        """Citations of the sentence that are right, those that are not, and what is wrong with the first."""
        problems = [self._citation(number, sentence.said, context) for number in sentence.cited]
        problems += [_quote(quote, context) for quote in _QUOTE.findall(sentence.said)]
        if self._options.every_sentence and not sentence.cited and sentence.claim:
            problems.append(f"Nothing is cited for: “{sentence.said[:200]}”")
        wrong = [one for one in problems if one]
        return len(problems) - len(wrong), len(wrong), wrong[0] if wrong else ""

    def _citation(self, number: int, said: str, context: Sequence[str]) -> str:
        """What is wrong with it; empty where nothing is."""
        if not 1 <= number <= len(context):
            return f"There is no passage {number}."
        if Evidence([context[number - 1]]).judge(said).supported < self._options.support:
            return f"Passage {number} does not say: “{said[:200]}”"
        return ""


class HallucinationRisk:
    """How probable it is that nothing in the answer is made up."""

    def __init__(self, options: RiskOptions) -> None:
        self._passages = options.passages

    def score(self, example: Example, answer: Answered) -> Scored:
        """One less the risk: by the passages, or where there are none by how it is worded beside what was asked."""
        if not answer.text.strip():
            return _NO_CLAIM
        if not self._passages or not any(one.strip() for one in example.context):
            risk = response_risk(example.input, answer.text)
            return _rated(risk, "Worded as answers are that make things up." if risk >= _RISKY else "")
        grounding = SupportAssessor().assess(example.input, answer.text, example.context, cites=False)
        doubted = [one for one in grounding.sentences if one.verdict in ("unsupported", "contradicted")]
        if not doubted:
            return _rated(grounding.risk, "")
        worst = min(doubted, key=lambda one: one.support)
        why = f"{', '.join(worst.reasons) or worst.verdict}: “{worst.text[:300]}”"
        return _rated(grounding.risk, why)


def _rated(risk: float, why: str) -> Scored:
    return Scored(clipped(1 - risk), "risky" if risk >= _RISKY else "safe", why)


def _quote(quote: str, context: Sequence[str]) -> str:
    """What is wrong with a quote; empty where nothing is."""
    found = any(_plain(quote) in _plain(passage) for passage in context)
    return "" if found else f"No passage has the words “{quote[:200]}”."


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
