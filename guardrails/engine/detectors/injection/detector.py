"""Finds orders that a model is not to follow."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.decoding import disguises
from guardrails.engine.detectors.injection.classifier import Classifier
from guardrails.engine.detectors.injection.expression import Expression
from guardrails.engine.detectors.injection.families import FAMILIES, REACH, Entity, Family
from guardrails.engine.detectors.injection.needs import Needs
from guardrails.engine.detectors.triggers import around
from guardrails.engine.folding import Reading
from guardrails.engine.text import Text

LEAST_SCORE: Final = 0.5
"""From where on a finding is told, unless an option says otherwise."""
MENTIONED: Final = 0.4
"""Score of a phrase that is quoted in a question about it."""

_ABOUT = re.compile(
    r"\b(?:what|why|how|mean\w*|explain|define|phrase|example|detect|translat\w+|called|term|article|blog|word)\b",
    re.IGNORECASE,
)
_QUOTES: Final = "\"'\u2018\u2019\u201c\u201d\u00ab\u00bb`"


class Where(StrEnum):
    """What the text is to the model."""

    PROMPT = "prompt"
    """What somebody asks: instructions are its nature."""
    DATA = "data"
    """What a tool gave or a search found: instructions do not belong there."""


class InjectionDetector:
    """Phrases of known intents, and a classifier for what is worded otherwise; either can be left out."""

    window: int | None = None

    def __init__(
        self,
        where: Where = Where.PROMPT,
        *,
        least_score: float = LEAST_SCORE,
        phrases: bool = True,
        classifier: bool = True,
    ) -> None:
        """
        Args:
            where: what the text is to the model.
            least_score: findings less sure than this, 0 to 1, are left out.
            phrases: look for phrases.
            classifier: use the classifier.
        """
        disguises()
        self._least_score = least_score
        self._families = [one for one in FAMILIES if phrases and (where is Where.DATA or not one.in_data_only)]
        self._patterns = [Expression(one.pattern) for one in self._families]
        self._cores = [Expression(one.core) if one.core else None for one in self._families]
        self._needs = Needs(self._families)
        self._classifiers = [Classifier.shipped(name) for name in _WEIGHTS[where]] if classifier else []

    def find(self, text: Text) -> Sequence[Finding]:
        """Orders that the text gives plainly and in disguise, in order of ``start``."""
        found: list[Finding] = []
        for reading in (text.folded, *text.decoded):
            found += self._find_in(reading)
        return _apart(one for one in found if one.score >= self._least_score)

    def _find_in(self, reading: Reading) -> Iterator[Finding]:
        data = reading.text.encode(errors="replace")
        for index in self._needs.met(reading.text):
            yield from _phrases(reading, data, self._families[index], self._patterns[index], self._cores[index])
        for classifier in self._classifiers:
            weighed = classifier.weigh(data)
            for start, end, score in zip(weighed.starts, weighed.ends, weighed.scores.tolist(), strict=True):
                if score >= self._least_score:
                    yield _finding(reading, *_characters(data, start, end), Entity.INJECTION, score, "wording")


_WEIGHTS: Final = {Where.PROMPT: ("prompt",), Where.DATA: ("prompt",)}
"""Which classifiers judge a text."""


def _phrases(
    reading: Reading, data: bytes, family: Family, pattern: Expression, core: Expression | None
) -> Iterator[Finding]:
    for start, end in _spans(reading.text, data, pattern, core):
        score = MENTIONED if _is_mentioned(reading.text, start, end) else family.score
        yield _finding(reading, start, end, family.entity, score, family.evidence)


def _spans(text: str, data: bytes, pattern: Expression, core: Expression | None) -> Iterator[tuple[int, int]]:
    if core is None:
        yield from pattern.spans(text, data)
        return
    for start, end in around(list(core.spans(text, data)), REACH, REACH, len(text)):
        part = text[start:end]
        for first, last in pattern.spans(part, part.encode(errors="replace")):
            yield start + first, start + last


def _is_mentioned(text: str, start: int, end: int) -> bool:
    """Whether the phrase stands in quotes, and a question about it before or after them."""
    before, after = text[max(0, start - 2) : start], text[end : end + 24]
    if not any(quote in before for quote in _QUOTES) or not any(quote in after for quote in _QUOTES):
        return False
    return bool(_ABOUT.search(text[max(0, start - 120) : start]) or _ABOUT.search(text[end : end + 120]))


def _characters(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The characters that begin at these bytes of UTF-8."""
    if data.isascii():
        return start, end
    return len(data[:start].decode(errors="ignore")), len(data[:end].decode(errors="ignore"))


def _finding(reading: Reading, start: int, end: int, entity: Entity, score: float, evidence: str) -> Finding:
    inside = f", inside {reading.disguise}" if reading.disguise else ""
    return Finding(*reading.span(start, end), entity=entity, score=round(score, 3), evidence=f"{evidence}{inside}")


def _apart(found: Iterable[Finding]) -> list[Finding]:
    """Phrases before wording, and of overlapping ones the surest."""
    kept: list[Finding] = []
    for one in sorted(found, key=lambda one: (one.evidence.startswith("wording"), -one.score, one.start)):
        index = bisect_left(kept, one.start, key=lambda other: other.start)
        follows = index == 0 or kept[index - 1].end <= one.start
        precedes = index == len(kept) or one.end <= kept[index].start
        if one.start < one.end and follows and precedes:
            kept.insert(index, one)
    return kept
