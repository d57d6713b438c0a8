"""Invariants of policies applied to a call: what it breaks, and what follows for its answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from contracts.guardrails import Action, Finding, Stage
from guardrails.engine.invariants.evaluation import OutOfBounds
from guardrails.engine.invariants.facts import Facts
from guardrails.engine.invariants.invariant import Judgement
from guardrails.engine.invariants.signatures import EvaluationFailed
from guardrails.engine.policy import INLINE, Failure, Match, Verdict
from guardrails.engine.rules import CompiledRule

log = logging.getLogger(__name__)

ENTITY: Final = "INVARIANT"
WITHHELD: Final = f"[{ENTITY}]"
"""What stands in place of an answer that a rule withholds without ending the call."""


def judged(rules: Sequence[CompiledRule], facts: Facts) -> Verdict:
    """What the rules say of the call; of its texts there is the answer's."""
    started = time.perf_counter()
    verdict = Verdict(Stage.OUTPUT, [facts.response.text])
    patience = max(1.0, size_of(facts) / INLINE)
    for rule in rules:
        _judge(rule, facts, patience, verdict)
    if any(match.enforced and match.action is Action.REDACT for match in verdict.matches):
        verdict.texts = [WITHHELD]
    verdict.duration_ms = _since(started)
    return verdict


async def judge(rules: Sequence[CompiledRule], facts: Facts) -> Verdict:
    """As :func:`judged`; calls with much text in a thread."""
    if size_of(facts) > INLINE:
        return await asyncio.to_thread(judged, rules, facts)
    return judged(rules, facts)


def size_of(facts: Facts) -> int:
    """Characters of the texts that expressions may go through."""
    prompt = sum(len(message.text) for message in facts.request.messages)
    return len(facts.response.text) + len(facts.response.reasoning) + len(facts.retrieval.text) + prompt


def flagged(verdict: Verdict) -> Verdict:
    """The verdict where the answer has gone out already: all that is left is to tell."""
    for match in verdict.matches:
        match.action = Action.FLAG
    return verdict


def _judge(rule: CompiledRule, facts: Facts, patience: float, verdict: Verdict) -> None:
    started = time.perf_counter()
    judgement: Judgement | None = None
    reason, detail = "broken", rule.problem
    if rule.invariant is not None:
        try:
            judgement = rule.invariant.judge(facts, rule.spec.deadline_ms * patience)
        except OutOfBounds as error:
            reason, detail = "deadline", str(error)
        except EvaluationFailed as error:
            reason, detail = "error", str(error)
        except Exception as error:
            # Whatever it stumbles over: the rule's on_error decides, and the event tells.
            log.exception("rule %r failed", rule.spec.name)
            reason, detail = "error", type(error).__name__
    if judgement is None:
        verdict.failures.append(Failure(rule, Stage.OUTPUT, reason, detail, _since(started)))
    elif not judgement.holds:
        why = ", ".join(shown.name for shown in judgement.evidence)
        finding = Finding(0, len(facts.response.text), ENTITY, evidence=f"looked at {why}" if why else "")
        match = Match(rule, Stage.OUTPUT, rule.action_at(Stage.OUTPUT), [(0, finding)], _since(started))
        match.evidence = judgement.evidence
        verdict.matches.append(match)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
