"""Rules and policies for tests."""

from __future__ import annotations

from typing import Any

from contracts.guardrails import Action, PolicySpec, RuleSpec, Stage


def rule(kind: str = "words", action: Action = Action.REDACT, **fields: Any) -> RuleSpec:
    stages = fields.pop("stages", frozenset(Stage))
    options = fields.pop("options", {"words": ["hunter22"]} if kind == "words" else {})
    name = fields.pop("name", f"{kind} {action}")
    return RuleSpec(
        id=fields.pop("id", name), name=name, kind=kind, action=action, stages=stages, options=options, **fields
    )


def policy(*rules: RuleSpec, **fields: Any) -> PolicySpec:
    return PolicySpec(**{"id": "policy-1", "name": "Standard", "version": 1, "rules": rules, **fields})
