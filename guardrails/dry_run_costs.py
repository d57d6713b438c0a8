"""What it will cost to have models judge stored calls, before that is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.model_callers import caller_of
from guardrails.models import Policy
from guardrails.stored_texts import StoredCall, stored_calls
from guardrails.trial import costs
from guardrails.validators import rules_of

SAMPLE: Final = 30
"""Newest calls from which it is reckoned."""
FRAME_TOKENS: Final = 350
"""Of a question beside its criterion and text."""
VERDICT_TOKENS: Final = 80
CHARACTERS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class JudgingEstimate:
    """Of a dry run over so many calls."""

    calls: int
    questions: int
    nanousd: int | None
    """None where a price is unknown."""


def judging_estimates(policy: Policy, sizes: Sequence[int]) -> list[JudgingEstimate]:
    """What the draft's judges would come to, from the newest stored calls; the same text again is counted again."""
    if policy.tenant_id is None:
        return []
    looked = list(stored_calls(str(policy.tenant_id), SAMPLE))
    questions, nanousd = _of(policy, looked)
    number = max(1, len(looked))
    return [
        JudgingEstimate(
            size, round(questions * size / number), None if nanousd is None else round(nanousd * size / number)
        )
        for size in sizes
    ]


def _of(policy: Policy, looked: Sequence[StoredCall]) -> tuple[float, float | None]:
    """Questions that these calls would lead to, and their cost in nano-USD."""
    caller = caller_of(policy.tenant_id)
    questions, cost, known = 0.0, 0.0, caller is not None
    for rule in filter(costs, rules_of(policy.rules)):
        share = float(rule.options.get("sample_percent", 100)) / 100
        texts = [
            text for call in looked for stage, given in call.texts.items() if stage in rule.stages for text in given
        ]
        characters = sum(map(len, texts)) + len(texts) * len(str(rule.options.get("criterion", "")))
        questions += len(texts) * share
        price = caller and caller.estimate_nanousd(
            str(rule.options.get("route", "")),
            input_tokens=characters // CHARACTERS_PER_TOKEN + FRAME_TOKENS * len(texts),
            output_tokens=VERDICT_TOKENS * len(texts),
        )
        known = known and price is not None
        cost += (price or 0) * share
    return questions, cost if known else None
