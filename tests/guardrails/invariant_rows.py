"""Rules about whole calls for tests."""

from __future__ import annotations

from typing import Any

from contracts.guardrails import Action, RuleSpec, Stage

PRICES = "amounts(response.text).all(a, a in amounts(retrieval.text))"


def invariant_rule(expression: str = PRICES, **fields: Any) -> RuleSpec:
    """A rule that looks at a call as a whole."""
    values: dict[str, Any] = {
        "id": "prices",
        "name": "Prices",
        "kind": "invariant",
        "stages": frozenset({Stage.OUTPUT}),
        "action": Action.BLOCK,
        "options": {"expression": expression, "why": "Prices are binding."},
    }
    return RuleSpec(**{**values, **fields})
