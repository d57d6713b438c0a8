"""What a caller is told whose call is refused, or whose answer is withheld: never anything of the text."""

from __future__ import annotations

from typing import Final

from contracts.guardrails import Stage
from guardrails.engine.policy import Failure, Match

_WHAT: Final = {
    Stage.INPUT: "this prompt",
    Stage.OUTPUT: "this answer",
    Stage.RETRIEVED: "what was retrieved for this prompt",
    Stage.TOOL_CALL: "the tool call of this answer",
    Stage.TOOL_RESULT: "a tool's result in this prompt",
}


def refusal(blocking: Match | Failure) -> str:
    """The rule's own message where it has one; else a sentence that names the rule."""
    spec, what = blocking.rule.spec, _WHAT[blocking.stage]
    if isinstance(blocking, Failure):
        return f"The rule {spec.name!r} could not look at {what}, and refuses what it cannot look at."
    return spec.message or f"The rule {spec.name!r} does not allow {what}."
