"""What evaluators are given, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from contracts.chat import JsonObject


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a golden set, as evaluators see it."""

    input: str
    """The text that was asked: of a chat, the user's last message."""
    messages: list[dict[str, Any]] = []
    expected: str = ""
    context: list[str] = []
    rubric: str = ""
    tags: list[str] = []


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to it, with what it took."""

    text: str
    model: str = ""
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    baseline: str | None = None
    """What the first variant of the run answered; None for the first itself."""


class Scored(msgspec.Struct, frozen=True):
    """A verdict."""

    value: float | None
    """0 (bad) to 1 (good); None: it cannot tell, and the item does not count."""
    label: str = ""
    """One word."""
    why: str = ""
    """A sentence for people."""


class Scorer(Protocol):
    """Scores answers: deterministic, without side effects, safe to share between threads."""

    def score(self, example: Example, answer: Answered) -> Scored:
        """What it says of this answer."""


class JudgeQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge asks a model."""

    slot: str
    """Which of its questions about the answer."""
    route: str
    instructions: str
    question: str
    schema: JsonObject
    max_output_tokens: int = 400


class JudgeScorer(Protocol):
    """Scores by asking a model first."""

    def questions(self, example: Example, answer: Answered) -> Sequence[JudgeQuestion]:
        """What to ask; nothing where there is nothing to judge."""

    def verdict(self, example: Example, answer: Answered, said: dict[str, str]) -> Scored:
        """What the model's words, by slot, come to."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of evaluator."""

    name: str
    title: str
    about: str
    """What it looks at, in a sentence."""
    group: str
    options: type[msgspec.Struct]
    build: Callable[[Any], Any]
    """A :class:`Scorer` or :class:`JudgeScorer` from the options."""
    judges: bool = False
    """Whether it asks a model, which costs money."""
    without_answer: float | None = 0.0
    """The score of an item that got no answer."""


def clipped(value: float) -> float:
    """Within 0 and 1."""
    return min(1.0, max(0.0, float(value)))
