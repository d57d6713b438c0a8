"""Policies and rules for tests."""

from __future__ import annotations

from typing import Any

from contracts.guardrails import Action, RuleSpec, Stage
from guardrails import services
from guardrails.models import Policy
from tenants.models import Tenant


def words_rule(name: str = "Rivals", *words: str, **fields: Any) -> RuleSpec:
    """A rule that looks for words: needs no data and no model."""
    values: dict[str, Any] = {
        "id": name.lower(),
        "name": name,
        "kind": "words",
        "stages": frozenset({Stage.INPUT}),
        "action": Action.BLOCK,
        "options": {"words": list(words) or ["globex"]},
    }
    return RuleSpec(**{**values, **fields})


def make_policy(tenant: Tenant | None = None, name: str = "standard", *rules: RuleSpec, **fields: Any) -> Policy:
    """A policy that is off, with one rule in its draft unless told otherwise."""
    return services.create_policy(name=name, tenant=tenant, rules=rules or (words_rule(),), **fields)
