"""What rules of guardrails found, as pages and the API ask for it: of one scope, of one policy or of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts.events import GuardrailBlocked, GuardrailFailed, GuardrailMatched
from events.traffic.measures import Kind
from events.traffic.parts import RulePart
from events.traffic.reading import Axis, Stretch, course, sums_by_part

MATCHED: Final = GuardrailMatched.event_type
FAILED: Final = GuardrailFailed.event_type
BLOCKED: Final = GuardrailBlocked.event_type


def rule_counts(scope: str, stretches: Sequence[Stretch], policy_id: str = "") -> list[dict[RulePart, int]]:
    """How often each rule found something in each stretch, by what followed."""
    found = sums_by_part(scope, Kind.RULE, stretches, *_parts_of(policy_id))
    return [{RulePart.of(part): sums.requests for part, sums in one.items()} for one in found]


def rule_course(scope: str, over: Axis, policy_id: str = "") -> dict[RulePart, list[int]]:
    """The same for every step."""
    parts_from, parts_to = _parts_of(policy_id)
    found = course(scope, (Kind.RULE,), over, parts_from=parts_from, parts_to=parts_to)[Kind.RULE]
    return {RulePart.of(part): [step.requests for step in steps] for part, steps in found.items()}


def event_counts(scope: str, stretches: Sequence[Stretch]) -> list[dict[str, int]]:
    """Events of guardrails in each stretch by type."""
    found = sums_by_part(scope, Kind.GUARD, stretches)
    return [{part: sums.requests for part, sums in one.items()} for one in found]


def event_course(scope: str, over: Axis) -> dict[str, list[int]]:
    """The same for every step."""
    found = course(scope, (Kind.GUARD,), over)[Kind.GUARD]
    return {part: [step.requests for step in steps] for part, steps in found.items()}


def _parts_of(policy_id: str) -> tuple[str, str]:
    """From and up to, not including; a policy's parts begin with its id and a slash, which ``0`` follows."""
    return (f"{policy_id}/", f"{policy_id}0") if policy_id else ("", "")
