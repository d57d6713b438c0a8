"""Answers in which the model declines."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from ahocorasick_rs import AhoCorasick

from contracts.guardrails import Finding
from guardrails.engine.text import Text

_PHRASES = re.compile(
    r"\bI(?:['\u2019]m| am) (?:very |really |truly )?(?:sorry|afraid),? (?:but )?(?:I )?"
    r"(?:can(?:no|['\u2019])t|am unable|am not able|won['\u2019]t)\b"
    r"|\bI(?: (?:simply|really))? (?:can(?:no|['\u2019])t|won['\u2019]t|will not|am (?:unable|not able) to) "
    r"(?:help|assist|comply|provide|answer|fulfil|fulfill|support|discuss|engage|participate|do that)\b"
    r"|\bI must (?:respectfully )?decline\b|\bAs an AI(?: language)? model,? I (?:can(?:no|['\u2019])t|am not able)\b"
    r"|\b(?:Es tut mir leid|Tut mir leid),? (?:aber )?(?:ich kann|dabei kann ich|das kann ich)\b"
    r"|\b(?:Je suis désolée?|Désolée?),? (?:mais )?je ne peux pas\b"
    r"|\bLo siento,? (?:pero )?no puedo\b|\bMi dispiace,? (?:ma )?non posso\b|\bDesculpe,? (?:mas )?não posso\b",
    re.IGNORECASE,
)

_MARKED = AhoCorasick([
    "sorry", "afraid", "cannot", "can't", "can\u2019t", "unable", "not able", "won't", "won\u2019t", "will not",
    "decline", "leid", "désolé", "lo siento", "mi dispiace", "desculpe",
])  # fmt: skip
"""One of these is in every phrase: looking for them first takes a twentieth of the time."""


class RefusalOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to set: English, German, French, Spanish, Italian and Portuguese."""


class Refusal:
    """Finds the phrases in which models decline."""

    window: int | None = 80

    def __init__(self, options: RefusalOptions) -> None:
        self._options = options

    def find(self, text: Text) -> Sequence[Finding]:
        """Each phrase."""
        said = text.original
        if not _MARKED.find_matches_as_indexes(text.small if said.isascii() else said.lower()):
            return ()
        return [
            Finding(match.start(), match.end(), "REFUSAL", evidence="a phrase of declining")
            for match in _PHRASES.finditer(text.original)
        ]
