"""Published versions as what gateways hold in memory."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.guardrails import PolicySpec
from guardrails.models import Policy, PolicyVersion
from guardrails.validators import rules_of


def compile_policies(versions: Iterable[PolicyVersion]) -> tuple[PolicySpec, ...]:
    """The specs of these versions, in their order."""
    return tuple(
        compile_version(version.policy, version, shadow=version.policy.mode == Policy.Mode.SHADOW)
        for version in versions
    )


def compile_version(policy: Policy, version: PolicyVersion, *, shadow: bool) -> PolicySpec:
    """One version, bound to the calls that its policy is bound to now."""
    return PolicySpec(
        id=str(policy.pk),
        name=policy.name,
        version=version.number,
        rules=rules_of(version.rules),
        shadow=shadow,
        routes=frozenset(policy.routes),
        keys=frozenset(str(key) for key in policy.keys),
    )


def compile_draft(policy: Policy) -> PolicySpec:
    """The draft as it would be enforced, for trying it out."""
    return PolicySpec(
        id=str(policy.pk), name=policy.name, version=(policy.live_version or 0) + 1, rules=rules_of(policy.rules)
    )
