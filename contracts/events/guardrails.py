"""``guardrail.*``: what policies made of a call."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.events.envelope import EventPayload


class GuardrailEvent(EventPayload, frozen=True, kw_only=True):
    """Which rule of which policy spoke, and about what; has no type of its own."""

    policy_id: str
    policy: str
    version: int
    rule_id: str
    rule: str
    kind: str
    stage: str
    """``input`` | ``output`` | ``retrieved`` | ``tool_call`` | ``tool_result``."""
    shadow: bool = False
    """Nothing but this event followed."""
    route: str = ""
    key_id: str = ""
    duration_ms: float = 0.0


class GuardrailMatched(GuardrailEvent, frozen=True, kw_only=True):
    """A rule found something in a call's texts; told once per rule and stage."""

    event_type = "guardrail.rule.matched"
    layer = 3
    action: str
    """``allow`` | ``flag`` | ``redact`` | ``mask`` | ``reroute`` | ``block``: what follows, unless ``shadow``."""
    entities: dict[str, int]
    """How often each was found."""
    evidence: list[str] = msgspec.field(default_factory=list)
    """Why, in words that hold nothing of the texts; at most ten."""
    score: float = 1.0
    """Of the surest finding, 0 to 1."""
    text_hash: str = ""
    """SHA-256 of the first text in which something was found: by which it is known again."""
    text: Any = None
    """That text, only where the tenant stores payloads."""


class GuardrailInvariantViolated(GuardrailEvent, frozen=True, kw_only=True):
    """A call is not as a business invariant says that it must be."""

    event_type = "guardrail.invariant.violated"
    layer = 3
    action: str
    """``flag`` | ``redact`` | ``block``: what follows, unless ``shadow``."""
    why: str = ""
    """Why it must be so, in the rule's words."""
    expression: str
    """What is not true, in CEL."""
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)
    """The values that it looked at, shortened; those that may hold something of prompt or answer only where the tenant
    stores payloads."""
    not_kept: list[str] = msgspec.field(default_factory=list)
    """Names of values that were left out for that reason."""


class GuardrailFailed(GuardrailEvent, frozen=True, kw_only=True):
    """A rule could not tell: it failed, or was not done by its deadline."""

    event_type = "guardrail.rule.failed"
    layer = 3
    reason: str
    """``deadline`` | ``error`` | ``broken`` (it could not be built)."""
    detail: str = ""
    on_error: str
    """``allow`` | ``block``: what followed, unless ``shadow``."""


class GuardrailBlocked(GuardrailEvent, frozen=True, kw_only=True):
    """A call was refused, or its answer withheld."""

    event_type = "guardrail.call.blocked"
    layer = 3
    streamed: bool = False
    """Part of the answer had gone out already."""
