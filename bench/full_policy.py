"""A policy of all fast kinds of rule, as the benchmarks use it."""

from __future__ import annotations

from typing import Any

from contracts.guardrails import Action, RuleSpec, Stage

_ASKED = frozenset({Stage.INPUT, Stage.TOOL_RESULT, Stage.RETRIEVED})
_ANSWERED = frozenset({Stage.OUTPUT, Stage.TOOL_CALL})
_RULES: tuple[tuple[str, frozenset[Stage], Action, dict[str, Any]], ...] = (
    ("pii", _ASKED | _ANSWERED, Action.REDACT, {}),
    ("secrets", _ASKED | _ANSWERED, Action.REDACT, {}),
    ("words", _ASKED | _ANSWERED, Action.FLAG, {"words": ["project falcon", "acme takeover", "blue harbour"]}),
    ("toxicity", _ASKED | _ANSWERED, Action.FLAG, {}),
    ("injection", _ASKED, Action.FLAG, {}),
    ("max_length", _ASKED | _ANSWERED, Action.FLAG, {"limit": 100_000}),
    ("links", _ANSWERED, Action.FLAG, {"allowed_hosts": ["example.com"]}),
    ("code", frozenset({Stage.OUTPUT}), Action.FLAG, {"languages": ["bash"]}),
    ("refusal", frozenset({Stage.OUTPUT}), Action.FLAG, {}),
)

FULL = [
    RuleSpec(id=kind, name=kind, kind=kind, stages=stages, action=action, options=options)
    for kind, stages, action, options in _RULES
]
"""None blocks, so that every call is a whole one."""
