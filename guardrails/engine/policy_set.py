"""The policies that apply to calls, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from contracts.guardrails import Action, PolicySpec, Stage
from guardrails.engine.kinds import DATA, KINDS
from guardrails.engine.rules import CompiledRule


class PolicySet:
    """The policies that apply to a call, compiled: all rules in the order in which they are applied."""

    def __init__(self, policies: Sequence[PolicySpec]) -> None:
        self.policies = tuple(policies)
        self.rules = _compiled(policies, for_data=False)
        data = _compiled(policies, for_data=True)
        self._by_stage = {
            stage: tuple(
                rule
                for rule in (data if stage in DATA else self.rules)
                if stage in rule.spec.stages and not rule.about_calls
            )
            for stage in Stage
        }
        self.invariants = tuple(rule for rule in self.rules if rule.about_calls)
        """Rules about calls as a whole: see :mod:`guardrails.engine.whole_calls`."""
        self.scope = ",".join(f"{policy.id}:{policy.version}:{policy.shadow:d}" for policy in policies)
        """Changes whenever another version applies."""
        self.detectors = {stage: _named(rules) for stage, rules in self._by_stage.items()}
        """By stage, what the fast rules look for: the same for rules that find the same."""
        self.ids = frozenset(policy.id for policy in policies)
        self.inline = frozenset(
            stage for stage, rules in self._by_stage.items() if all(rule.fast is not None for rule in rules)
        )
        """Stages whose rules are all asked here and now: none takes long, and none could not be built."""
        self.masking = frozenset(
            stage for stage, rules in self._by_stage.items() if any(rule.spec.action is Action.MASK for rule in rules)
        )
        """Stages at which a rule replaces what it finds and gives it back in the answer."""

    @cached_property
    def asks_models(self) -> bool:
        """Whether one of the rules asks a model through the gateway."""
        return any(rule.spec.kind in KINDS and KINDS[rule.spec.kind].costs for rule in self.rules)

    def at(self, stage: Stage) -> tuple[CompiledRule, ...]:
        """The rules about the texts of a stage."""
        return self._by_stage[stage]


def _compiled(policies: Sequence[PolicySpec], *, for_data: bool) -> tuple[CompiledRule, ...]:
    return tuple(
        CompiledRule(rule, policy, for_data=for_data)
        for policy in policies
        for rule in policy.rules
        if not for_data or not DATA.isdisjoint(rule.stages)
    )


def _named(rules: Sequence[CompiledRule]) -> bytes:
    return b"\0".join(rule.detector_name for rule in rules if rule.fast is not None)


def applicable(policies: Sequence[PolicySpec], *, route: str, key_id: str) -> tuple[PolicySpec, ...]:
    """Those to which a call of the route by the key is subject."""
    return tuple(
        policy
        for policy in policies
        if (not policy.routes or route in policy.routes) and (not policy.keys or key_id in policy.keys)
    )
