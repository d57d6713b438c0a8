"""What tests ask expressions with."""

from __future__ import annotations

from typing import Any

from guardrails.engine.invariants.checking import check
from guardrails.engine.invariants.evaluation import Frame, compiled
from guardrails.engine.invariants.facts import VARIABLES, Facts
from guardrails.engine.invariants.syntax import ExpressionError


def value_of(source: str, facts: Facts | None = None, *, deadline_ms: float = 5_000) -> Any:
    """What the expression gives for these facts."""
    known = {name: getattr(facts or Facts(), name) for name in VARIABLES}
    return compiled(check(source, VARIABLES))(Frame(known, deadline_ms))


def problem_of(source: str) -> str:
    """What is wrong with the expression; empty: nothing."""
    try:
        check(source, VARIABLES)
    except ExpressionError as error:
        return str(error)
    return ""
