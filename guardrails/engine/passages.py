"""Passages of documents that give orders: what the gateway looks at before one of them goes into a prompt.

Three things make one suspicious: phrases of known intents, also in disguise; sentences that speak to the model, by a
classifier that has learnt from documents; and requests that have nothing to do with the rest.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from hashlib import blake2b
from threading import Lock
from typing import Final

import msgspec
import re2

from guardrails.engine.detectors.injection import InjectionDetector, Where
from guardrails.engine.detectors.injection.classifier import Classifier
from guardrails.engine.detectors.injection.sentences import windows_of
from guardrails.engine.out_of_place import foreign_request
from guardrails.engine.text import Text

KEPT: Final = 16_384
"""Verdicts that a worker keeps, by digests of the texts: the same passages are found again and again."""

LEAST_SCORE: Final = 0.8
MIDDLE: Final = 0.5
"""From here on the classifier takes sentences for orders: see :data:`guardrails.training.passages.MOST_FALSE`."""
TOO_COMMON: Final = "changes the model's answer from inside of data"
"""Phrases that documents about software are full of; the classifier knows more of what stands around them."""

_CHANGES_THE_ANSWER: Final = re2.compile(
    r"(?i)\b(?:add|augment|adjust|adapt|alter|append|apply|break|change|combine|conclude|convert|deliver|embed|encode|"
    r"encrypt|enhance|enrich|express|extend|finish|format|group|hide|include|incorporate|insert|integrate|jumble|"
    r"mention|mix|modify|place|put|rearrange|remove|render|replace|replicate|reverse|rewrite|scramble|shuffle|slip|"
    r"spell|misspell|substitute|supplement|swap|tease|translate|transform|turn|use|weave|write|provide|begin|start|"
    r"base|confine|ensure|focus|keep|limit|make|phrase|prefix|restrict|shorten|sign|structure|style|tailor|wrap)\b"
    r"[^\n]{0,160}\byour (?:\w+ )?(?:responses?|answers?|repl(?:y|ies)|output|message(?:'s)?)\b|"
    r"\bin your (?:\w+ )?(?:response|answer|reply|output|message), [a-z]+|"
    r"\bfrom now on,? (?:you|your|please|only|always|never|do not|don't|act|answer|respond|reply|speak|talk|write)\b|"
    r"(?:^|[\n.!?:>\"'*])[ \t]*(?:(?:hi|hey|hello|dear|ok|okay|excuse me|so|now),?[ \t]+)?"
    r"(?:chat ?gpt|gpt(?:-?[345]\w*)?|claude|gemini|bard|llama|copilot|dan|ai(?: assistant| model)?|assistant|chatbot|"
    r"language model)[ \t]*[,!]"
)
"""An order about the reader's own answer: documents have readers, and readers of documents do not answer them.
Or words that call the reader by the name of a model."""


class Suspicion(msgspec.Struct, frozen=True):
    """Why a passage looks like an instruction to the model."""

    score: float
    """0 to 1."""
    evidence: str
    """In words that hold nothing of the text."""


class PassageScreen:
    """Judges passages; one per process, for any thread."""

    def __init__(self, kept: int = KEPT, classifier: Classifier | None = None) -> None:
        """
        Args:
            kept: verdicts that are remembered.
            classifier: in place of the one whose weights are shipped.
        """
        self._phrases = InjectionDetector(Where.DATA, classifier=False, least_score=LEAST_SCORE)
        self._classifier = classifier or Classifier.shipped("passage")
        self._kept = kept
        self._verdicts: OrderedDict[bytes, Suspicion | None] = OrderedDict()
        self._lock = Lock()

    @classmethod
    @cache
    def shared(cls) -> PassageScreen:
        """The process's own; its weights are read with the first."""
        return cls()

    def judge(self, text: str) -> Suspicion | None:
        """Why the passage looks like an instruction; None where it does not."""
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
        with self._lock:
            if digest in self._verdicts:
                self._verdicts.move_to_end(digest)
                return self._verdicts[digest]
        verdict = self._judge(text)
        with self._lock:
            self._verdicts[digest] = verdict
            if len(self._verdicts) > self._kept:
                self._verdicts.popitem(last=False)
        return verdict

    def _judge(self, text: str) -> Suspicion | None:
        looked = Text(text)
        found = [one for one in self._phrases.find(looked) if not one.evidence.startswith(TOO_COMMON)]
        if found:
            surest = max(found, key=lambda one: one.score)
            return Suspicion(surest.score, surest.evidence)
        if _CHANGES_THE_ANSWER.search(looked.folded.text):
            return Suspicion(LEAST_SCORE, "changes the model's answer")
        likeliest = self._likeliest(looked.folded.text)
        if likeliest >= MIDDLE:
            return Suspicion(round(likeliest, 3), "speaks to the model")
        if foreign_request(looked.folded.text):
            return Suspicion(MIDDLE, "asks for something else than the rest is about")
        return None

    def _likeliest(self, text: str) -> float:
        scores = (self._classifier.weigh(one.encode(errors="replace")).scores[0] for one in windows_of(text))
        return float(max(scores, default=0.0))
