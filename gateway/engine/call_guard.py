"""What policies have said of a call by now."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.guardrails import Action
from guardrails.engine.masking import Masking
from guardrails.engine.policy import strongest
from guardrails.engine.policy_set import PolicySet


@dataclass(slots=True)
class CallGuard:
    """Of one call to which policies apply."""

    policies: PolicySet
    masking: Masking | None = None
    action: Action | None = None
    """The strongest that was enforced."""
    seen: set[str] = field(default_factory=set)
    """Ids of the policies that have looked at the request."""

    def note(self, action: Action | None) -> None:
        """Remember the action if it is stronger than those before."""
        self.action = strongest((self.action, action))
