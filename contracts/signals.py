"""What is counted beside the usage ledger: hits of guardrails' rules, and lookups of kept answers."""

from __future__ import annotations

import msgspec


class RuleHits(msgspec.Struct, frozen=True):
    """How often a rule found something, and what followed."""

    policy_id: str
    rule_id: str
    outcome: str
    """The action: ``allow`` | ``flag`` | ``redact`` | ``mask`` | ``reroute`` | ``block``; ``failed``: it could not
    tell."""
    shadow: bool
    """Nothing followed."""
    count: int


class KeptAnswers(msgspec.Struct, frozen=True):
    """Lookups of kept answers over one route; money in nano-USD."""

    route: str = ""
    exact: int = 0
    """Answered with what an equal call got."""
    semantic: int = 0
    """Answered with what a call that means the same got."""
    missed: int = 0
    bypassed: int = 0
    """Not looked up, because the caller or the route said so."""
    saved_nanousd: int = 0
    saved_unknown: int = 0
    """Hits of which nobody knows what they saved."""
