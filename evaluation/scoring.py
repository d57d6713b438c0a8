"""A run's evaluators, built once, and what they make of an item's answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.engine.evaluators.registry import built, kind_of
from evaluation.engine.evaluators.scores import Answered, Example, JudgeQuestion, Kind, Scored
from evaluation.engine.golden_files import text_of
from evaluation.models import GoldenItem, ItemResult, Score

FAILED = Scored(None, "failed", "The evaluator failed.")


@dataclass(frozen=True, slots=True)
class NamedEvaluator:
    """One of a run's."""

    name: str
    kind: Kind
    scorer: Any


def evaluators_of(plain: Sequence[Mapping[str, Any]]) -> list[NamedEvaluator]:
    """Those that a run's row names.

    Raises:
        ValueError: a kind is not there any more, or does not take its options.
    """
    return [NamedEvaluator(one["name"], kind_of(one["kind"]), built(one["kind"], one["options"])) for one in plain]


def example_of(item: GoldenItem) -> Example:
    """The item as evaluators see it."""
    given = item.input
    return Example(
        input=text_of(given),
        messages=given if isinstance(given, list) else [{"role": "user", "content": given}],
        expected=item.expected,
        context=item.context,
        rubric=item.rubric,
        tags=item.tags,
    )


def answered(result: ItemResult, baseline: ItemResult | None) -> Answered:
    """The answer as evaluators see it."""
    return Answered(
        text=result.answer,
        model=result.model,
        cost_usd=(result.cost_nanousd or 0) / 1_000_000_000,
        latency_ms=result.latency_ms or 0.0,
        input_tokens=result.input_tokens,
        output_tokens=result.output_tokens,
        baseline=None if baseline is None or baseline.pk == result.pk else baseline.answer,
    )


def questions_about(
    evaluators: Sequence[NamedEvaluator], example: Example, result: ItemResult, baseline: ItemResult | None
) -> Iterator[tuple[NamedEvaluator, JudgeQuestion]]:
    """What judges have to ask about this answer."""
    if result.error:
        return
    for one in evaluators:
        if one.kind.judges:
            for question in one.scorer.questions(example, answered(result, baseline)):
                yield one, question


def scores_of(
    evaluators: Sequence[NamedEvaluator],
    example: Example,
    result: ItemResult,
    baseline: ItemResult | None,
    said: Mapping[str, dict[str, str]],
) -> list[Score]:
    """A score of each evaluator, unsaved; ``said`` is what judges were told, by evaluator and slot."""
    rows = []
    for one in evaluators:
        scored = _scored(one, example, result, baseline, said.get(one.name, {}))
        rows.append(
            Score(
                tenant_id=result.tenant_id,
                result=result,
                evaluator=one.name,
                value=scored.value,
                label=scored.label[:64],
                why=scored.why[:500].replace("\x00", ""),
            )
        )
    return rows


def _scored(
    one: NamedEvaluator, example: Example, result: ItemResult, baseline: ItemResult | None, said: dict[str, str]
) -> Scored:
    if result.error:
        return Scored(one.kind.without_answer, "no answer", "There is no answer to score.")
    return scored_answer(one, example, answered(result, baseline), said)


def scored_answer(one: NamedEvaluator, example: Example, answer: Answered, said: Mapping[str, str]) -> Scored:
    """What the evaluator makes of an answer; ``said`` is what its judge said by slot, or under "" why it did not."""
    try:
        if one.kind.judges:
            if "" in said:
                return Scored(None, "not asked", said[""])
            verdict: Scored = one.scorer.verdict(example, answer, dict(said))
            return verdict
        scored: Scored = one.scorer.score(example, answer)
        return scored
    except Exception as error:  # boundary: custom evaluators, and texts that nobody thought of
        return Scored(None, FAILED.label, f"{FAILED.why[:-1]} with {type(error).__name__}.")
