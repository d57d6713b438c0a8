"""Whether an answer rests on the passages that it was given, and whether its citations lead to them.

Sentence by sentence: how much of what it says in words is in the passages, whether its numbers are, and how near it is
to the nearest stretch of them in meaning. No model is asked, so a change of wording can fool it either way; a judge
with a rubric costs money and sees more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from embeddings.static import Vector, shared_embedder
from evaluation.engine.evaluators.scores import Answered, Example, Scored, clipped

NO_CONTEXT: Final = Scored(None, "no context", "The item has no passages.")
_SENTENCE: Final = re.compile(r"(?<=[.!?…])[\"'”\u2019)\]]*\s+|\n+")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?\d[\d,.\u202f\u00a0']*\d|(?<![\w.])\d")
_MARK: Final = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_QUOTE: Final = re.compile(r"[\"“«]([^\"”»]{15,400})[\"”»]")
_LEAST_WORDS: Final = 3
"""Shorter sentences without a number claim nothing."""
_FREQUENT: Final = (
    "the a an and or but if of to in on at by for with from as is are was were be been being this that these those it "
    "its he she they we you i his her their our your not no do does did has have had can could will would should may "
    "might must there here than then so such also very more most some any all each which who whom what when where how "
    "about into over under between after before during out up down only just"
)
_EMPTY_WORDS: Final = frozenset(_FREQUENT.split())


class GroundednessOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a sentence counts as supported.

    Raises:
        ValueError: ``support`` is not within 0 and 1.
    """

    support: float = 0.55
    """How much of it the passages have to bear out, in words and in meaning."""

    def __post_init__(self) -> None:
        if not 0 < self.support <= 1:
            raise ValueError("Support is between 0 and 1.")


class CitationsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What citations have to be like: ``[1]`` is the item's first passage."""

    every_sentence: bool = False
    """Whether each sentence has to cite something."""
    support: float = 0.4
    """How much of a sentence the cited passages have to bear out."""


class Groundedness:
    """The share of the answer's sentences that its passages bear out."""

    def __init__(self, options: GroundednessOptions) -> None:
        self._support = options.support

    def score(self, example: Example, answer: Answered) -> Scored:
        """The share; the sentence with the least support is named."""
        if not any(one.strip() for one in example.context):
            return NO_CONTEXT
        claims = claims_of(answer.text)
        if not claims:
            return Scored(None, "no claim", "The answer claims nothing that could be looked up.")
        passages = Passages.of(tuple(example.context))
        supports = [passages.support(claim) for claim in claims]
        bad = [(value, claim) for value, claim in zip(supports, claims, strict=True) if value < self._support]
        share = 1 - len(bad) / len(claims)
        if not bad:
            return Scored(1.0, "grounded")
        worst = min(bad)[1]
        return Scored(share, "unsupported", f"Not in the passages: “{worst[:300]}”")


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
        for claim in _sentences(answer.text):
            good, bad, problem = self._checked(claim, example.context)
            right, wrong, why = right + good, wrong + bad, why or problem
        if not right + wrong:
            return Scored(None, "none", "The answer cites nothing.")
        return Scored(right / (right + wrong), "wrong" if wrong else "right", why)

    def _checked(self, sentence: str, context: Sequence[str]) -> tuple[int, int, str]:
        """Citations of the sentence that are right, those that are not, and what is wrong with the first."""
        numbers = [int(one) for mark in _MARK.findall(sentence) for one in re.split(r"\s*[,;]\s*", mark)]
        said = _MARK.sub("", sentence).strip()
        right = wrong = 0
        why = ""
        for number in numbers:
            there = 1 <= number <= len(context)
            if there and Passages.of((context[number - 1],)).support(said) >= self._options.support:
                right += 1
                continue
            wrong += 1
            why = why or (
                f"Passage {number} does not say: “{said[:200]}”" if there else f"There is no passage {number}."
            )
        for quote in _QUOTE.findall(said):
            if any(_plain(quote) in _plain(passage) for passage in context):
                right += 1
            else:
                wrong += 1
                why = why or f"No passage has the words “{quote[:200]}”."
        if self._options.every_sentence and not numbers and claims_of(said):
            wrong += 1
            why = why or f"Nothing is cited for: “{said[:200]}”"
        return right, wrong, why


class Passages:
    """What can be looked up in an item's passages; made once for the variants that answer it."""

    def __init__(self, passages: tuple[str, ...]) -> None:
        text = "\n".join(passages)
        self._stems = frozenset(map(_stem, _words(text)))
        self._numbers = frozenset(map(_number, _NUMBER.findall(text)))
        self._embedder = shared_embedder()
        pieces = [one for passage in passages for one in _stretches(passage)]
        self._vectors: Vector = np.stack([self._embedder.embed(one) for one in pieces or [""]])

    @staticmethod
    @lru_cache(maxsize=64)
    def of(passages: tuple[str, ...]) -> Passages:
        """Those of these texts."""
        return Passages(passages)

    def support(self, claim: str) -> float:
        """How much of the claim they bear out, 0 to 1; a number that they do not have halves it."""
        words = _words(claim)
        lexical = sum(_stem(one) in self._stems for one in words) / len(words) if words else 1.0
        near = clipped(float((self._vectors @ self._embedder.embed(claim)).max())) if words else lexical
        support = 0.65 * lexical + 0.35 * near
        missing = [one for one in _NUMBER.findall(_MARK.sub("", claim)) if _number(one) not in self._numbers]
        return support / 2 if missing else support


def claims_of(text: str) -> list[str]:
    """Sentences that say something which can be looked up."""
    return [one for one in _sentences(text) if len(_words(one)) >= _LEAST_WORDS or _NUMBER.search(one)]


def _sentences(text: str) -> list[str]:
    found = (one.strip(" \t*-•#>") for one in _SENTENCE.split(text))
    return [one for one in found if one and not one.endswith("?")]


def _stretches(passage: str) -> list[str]:
    """Its sentences, and each two that follow one another."""
    sentences = _sentences(passage) or [passage]
    return sentences + [f"{a} {b}" for a, b in pairwise(sentences)]


def _words(text: str) -> list[str]:
    return [one for one in _WORD.findall(text.casefold()) if one not in _EMPTY_WORDS]


def _stem(word: str) -> str:
    """Without the endings of English that change nothing about what a word means."""
    for ending in ("ing", "ied", "ies", "edly", "ed", "es", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("eiy")
    return word.rstrip("eiy") if len(word) > 3 else word


def _number(text: str) -> str:
    """The number without separators of thousands, so that 1,000 is 1000."""
    bare = re.sub(r"[,\s'\u202f\u00a0](?=\d{3}(?:\D|$))", "", text).rstrip(".,").lstrip("+")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
