"""Texts tried on a policy away from any call: what would happen to them, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
from asgiref.sync import async_to_sync

from contracts.guardrails import Action, Finding, PolicySpec, RuleSpec, Stage
from contracts.ports import ModelCaller
from guardrails.engine import whole_calls
from guardrails.engine.asking import asking
from guardrails.engine.detector import Measure, Measuring
from guardrails.engine.invariants.evidence import Shown
from guardrails.engine.invariants.facts import Facts
from guardrails.engine.kinds import KINDS
from guardrails.engine.masking import Masking
from guardrails.engine.policy import Failure as RuleFailure
from guardrails.engine.policy import Match, Verdict, apply, text_at
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.refusals import refusal

REASONS = {
    "deadline": "It was not done by its deadline.",
    "error": "It failed.",
    "broken": "It could not be built.",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that found something."""

    rule: RuleSpec
    action: Action
    """What follows at this stage."""
    findings: Sequence[Finding]
    duration_ms: float
    evidence: Sequence[Shown] = ()
    """Of an invariant: the values that it looked at."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that could not tell."""

    rule: RuleSpec
    reason: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What would happen to a text."""

    action: Action
    """The strongest of the rules that matched and are not shadow; ``allow`` where none is."""
    text: str
    rewritten: str
    message: str = ""
    """What a refused caller is told."""
    reroute_to: str = ""
    hits: list[Hit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    measures: list[tuple[RuleSpec, Sequence[Measure]]] = field(default_factory=list)
    """Of rules that can say how near the text came, found or not."""
    unasked: list[RuleSpec] = field(default_factory=list)
    """Rules that would have asked a model, which costs money, and were not to."""
    duration_ms: float = 0.0


def try_text(
    policy: PolicySpec, stage: Stage, text: str, facts: Facts | None = None, *, caller: ModelCaller | None = None
) -> Trial:
    """Apply the policy to the text as if it were enforced, deep rules included.

    An answer is held to invariants as well: ``facts`` are what else is known of its call. Models are asked through
    ``caller``; without one, rules that would are left out.
    """
    unasked = [] if caller is not None else [rule for rule in policy.rules if costs(rule) and stage in rule.stages]
    policies = PolicySet([policy if caller is not None else without_costs(policy)])
    with asking(caller):
        trial = _tried(policies, stage, text, facts)
    return replace(trial, unasked=unasked)


def judged_alone(policies: PolicySet, stage: Stage, text: str, facts: Facts | None = None) -> Verdict:
    """What the policies make of one text: of an answer also as the answer of a call of which ``facts`` are known."""
    verdict = judged(policies, stage, [text])
    if stage is not Stage.OUTPUT or not policies.invariants or verdict.blocking is not None:
        return verdict
    call = answering(facts or Facts(), verdict.texts[0])
    return _joined(verdict, whole_calls.judged(policies.invariants, call))


def _tried(policies: PolicySet, stage: Stage, text: str, facts: Facts | None) -> Trial:
    verdict = judged_alone(policies, stage, text, facts)
    blocking = verdict.blocking
    return Trial(
        action=verdict.action or Action.ALLOW,
        text=text,
        rewritten=verdict.texts[0],
        message="" if blocking is None else refusal(blocking),
        reroute_to=verdict.reroute_to,
        hits=[_hit(match) for match in verdict.matches],
        failures=[_failure(failure) for failure in verdict.failures],
        measures=async_to_sync(_measured)(policies, stage, text),
        duration_ms=verdict.duration_ms,
    )


def costs(rule: RuleSpec) -> bool:
    """Whether the rule asks a model, which somebody pays for."""
    return rule.kind in KINDS and KINDS[rule.kind].costs


def without_costs(policy: PolicySpec) -> PolicySpec:
    """The policy without rules that ask models."""
    return msgspec.structs.replace(policy, rules=tuple(rule for rule in policy.rules if not costs(rule)))


def answering(facts: Facts, text: str) -> Facts:
    """The facts of the call with this answer."""
    return msgspec.structs.replace(facts, response=msgspec.structs.replace(facts.response, text=text))


def _joined(verdict: Verdict, of_call: Verdict) -> Verdict:
    """What is said of the answer's text, and then of the whole call."""
    return Verdict(
        verdict.stage,
        of_call.texts,
        [*verdict.matches, *of_call.matches],
        [*verdict.failures, *of_call.failures],
        duration_ms=verdict.duration_ms + of_call.duration_ms,
    )


async def _measured(policies: PolicySet, stage: Stage, text: str) -> list[tuple[RuleSpec, Sequence[Measure]]]:
    looked, found = text_at(stage, text), []
    for rule in policies.at(stage):
        detector: object = rule.deep
        if isinstance(detector, Measuring) and (measures := await detector.measures(looked)):
            found.append((rule.spec, measures))
    return found


def judged(policies: PolicySet, stage: Stage, texts: Sequence[str]) -> Verdict:
    """What the policies make of the texts of one stage, for whoever is not on an event loop."""
    return async_to_sync(apply)(policies.at(stage), stage, texts, masking=Masking(), at_once=True)


def _hit(match: Match) -> Hit:
    findings = [finding for _, finding in match.findings]
    return Hit(match.rule.spec, match.action, findings, match.duration_ms, match.evidence)


def _failure(failure: RuleFailure) -> Failure:
    reason = REASONS.get(failure.reason, failure.reason)
    return Failure(failure.rule.spec, f"{reason} ({failure.detail})", failure.blocks)
