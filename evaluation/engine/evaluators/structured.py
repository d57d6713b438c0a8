"""Answers held to a JSON schema, or to an expression over the whole call."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from evaluation.engine.evaluators.scores import Answered, Example, Scored
from guardrails.engine.detectors.output.schema import Schema, SchemaOptions
from guardrails.engine.invariants.facts import (
    Facts,
    Message,
    Passage,
    RequestFacts,
    ResponseFacts,
    UsageFacts,
    retrieved,
)
from guardrails.engine.invariants.invariant import Invariant, InvariantOptions, Source, problems_of
from guardrails.engine.invariants.signatures import EvaluationFailed
from guardrails.engine.text import Text

DEADLINE_MS: Final = 200.0


class CelOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be true of the call, over the same facts as a business invariant.

    Raises:
        ValueError: an expression cannot be used; says why.
    """

    expression: Source
    applies_if: Source = ""

    def __post_init__(self) -> None:
        problem = next(iter(problems_of(_invariant(self))), None)
        if problem is not None:
            raise ValueError(problem[1])


def _invariant(options: CelOptions) -> InvariantOptions:
    return InvariantOptions(expression=options.expression, applies_if=options.applies_if)


class JsonShape:
    """The answer is JSON of a shape."""

    def __init__(self, options: SchemaOptions) -> None:
        self._schema = Schema(options)

    def score(self, example: Example, answer: Answered) -> Scored:
        """1 where it is."""
        found = self._schema.find(Text(answer.text))
        return Scored(0.0, "invalid", f"The answer {found[0].evidence}.") if found else Scored(1.0, "valid")


class Cel:
    """An expression is true of the call."""

    def __init__(self, options: CelOptions) -> None:
        self._invariant = Invariant(_invariant(options))

    def score(self, example: Example, answer: Answered) -> Scored:
        """1 where it is; none where it is not about such calls, or the facts do not answer it."""
        try:
            judged = self._invariant.judge(facts_of(example, answer), DEADLINE_MS)
        except EvaluationFailed as error:
            return Scored(None, "undecided", f"The expression cannot be worked out: {error}.")
        if not judged.applies:
            return Scored(None, "not about it", "The expression is not about this item.")
        if judged.holds:
            return Scored(1.0, "holds")
        shown = ", ".join(f"{one.name} = {one.value}" for one in judged.evidence)
        return Scored(0.0, "broken", shown[:400])


def facts_of(example: Example, answer: Answered) -> Facts:
    """The call as expressions see it."""
    messages = [Message(role=str(one.get("role") or ""), text=_text(one.get("content"))) for one in example.messages]
    return Facts(
        request=RequestFacts(messages=messages, prompt=example.input, model=answer.model),
        response=ResponseFacts(text=answer.text, model=answer.model),
        usage=UsageFacts(
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            total_tokens=answer.input_tokens + answer.output_tokens,
            cost_usd=answer.cost_usd,
            duration_ms=answer.latency_ms,
        ),
        retrieval=retrieved([Passage(text=one) for one in example.context]),
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else ""
