"""How far two answers to the same question say the same: what shadow mode measures wrong hits by.

An estimate. Whether two texts agree is a matter of opinion; that their numbers contradict one another, that one denies
what the other says, or that they call different tools, is not.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from contracts.chat import JsonObject
from embeddings.static import Embedder
from gateway.engine.cache.semantic.profile import profile_of

AGREES_FROM: Final = 0.8
"""Answers below this count as different."""
CONTRADICTION: Final = 0.5
"""The most that answers have in common which contradict one another."""
SHORT_WORDS: Final = 30
"""Of longer texts nearly all hold some negation."""


def agreement(one: JsonObject, other: JsonObject, embedder: Embedder) -> float:
    """From 0 to 1, of the first choices of two ``chat.completion`` bodies."""
    first, second = _message(one), _message(other)
    if _calls(first) != _calls(second):
        return 0.0
    return _of_texts(_text(first), _text(second), embedder)


def _of_texts(one: str, other: str, embedder: Embedder) -> float:
    if one.split() == other.split():
        return 1.0
    if not one or not other:
        return 0.0
    alike = max(0.0, min(1.0, float(embedder.embed(one) @ embedder.embed(other))))
    first, second = profile_of(one), profile_of(other)
    contradict = bool(first.numbers - second.numbers and second.numbers - first.numbers)
    if max(len(first.order), len(second.order)) <= SHORT_WORDS:
        contradict = contradict or first.negated != second.negated
    return min(alike, CONTRADICTION) if contradict else alike


def _message(body: JsonObject) -> JsonObject:
    choices = body.get("choices") or [{}]
    return choices[0].get("message") or {}


def _text(message: JsonObject) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _calls(message: JsonObject) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        arguments = function.get("arguments") or ""
        try:
            found.append((function.get("name") or "", msgspec.json.decode(arguments)))
        except msgspec.DecodeError:
            found.append((function.get("name") or "", arguments))
    return found
