"""What is told of rules: events that name what was found, and errors that name the rule; never the text itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from contracts.errors import ContentBlocked
from contracts.events import GuardrailBlocked, GuardrailFailed, GuardrailInvariantViolated, GuardrailMatched
from contracts.guardrails import Stage
from gateway.engine.call import Call
from gateway.engine.payloads import kept_payload
from guardrails.engine.policy import Failure, Match
from guardrails.engine.refusals import refusal
from guardrails.engine.rules import CompiledRule

MAX_EVIDENCE: Final = 10


def matched_event(call: Call, match: Match, texts: Sequence[str]) -> GuardrailMatched:
    """A rule found something; ``texts`` are those of the stage, empty where they are not kept."""
    findings = [finding for _, finding in match.findings]
    first = match.findings[0][0]
    text = texts[first] if first < len(texts) else None
    return GuardrailMatched(
        **_common(call, match.rule, match.stage, match.duration_ms),
        action=match.action.value,
        entities=dict(Counter(finding.entity for finding in findings)),
        evidence=sorted({finding.evidence for finding in findings if finding.evidence})[:MAX_EVIDENCE],
        score=max(finding.score for finding in findings),
        text_hash=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text is not None else "",
        text=kept_payload(call.tenant.payloads, text),
    )


def violated_event(call: Call, match: Match) -> GuardrailInvariantViolated:
    """A call breaks an invariant; what may say something of its texts is told only where they are kept."""
    invariant = match.rule.invariant
    values = {shown.name: shown.value for shown in match.evidence if not shown.says_text}
    texts = {shown.name: shown.value for shown in match.evidence if shown.says_text}
    kept = kept_payload(call.tenant.payloads, texts) or {}
    return GuardrailInvariantViolated(
        **_common(call, match.rule, match.stage, match.duration_ms),
        action=match.action.value,
        why=invariant.why if invariant is not None else "",
        expression=str(match.rule.spec.options.get("expression", "")),
        evidence=values | kept,
        not_kept=sorted(texts.keys() - kept.keys()),
    )


def failed_event(call: Call, failure: Failure) -> GuardrailFailed:
    """A rule could not tell."""
    return GuardrailFailed(
        **_common(call, failure.rule, failure.stage, failure.duration_ms),
        reason=failure.reason,
        detail=failure.detail,
        on_error=failure.rule.spec.on_error.value,
    )


def blocked_event(call: Call, blocking: Match | Failure, *, streamed: bool) -> GuardrailBlocked:
    """A rule refused the call, or withheld its answer."""
    return GuardrailBlocked(**_common(call, blocking.rule, blocking.stage, blocking.duration_ms), streamed=streamed)


def blocked_error(blocking: Match | Failure) -> ContentBlocked:
    """What the caller is told: which rule, in the tenant's own words where it has some."""
    rule = blocking.rule
    details = {
        "policy": rule.policy.name,
        "policy_version": rule.policy.version,
        "rule": rule.spec.name,
        "rule_id": rule.spec.id,
        "kind": rule.spec.kind,
        "stage": blocking.stage.value,
    }
    if isinstance(blocking, Failure):
        details["reason"] = f"rule_{blocking.reason}"
    return ContentBlocked(refusal(blocking), details=details)


def _common(call: Call, rule: CompiledRule, stage: Stage, duration_ms: float) -> dict[str, Any]:
    return {
        "policy_id": rule.policy.id,
        "policy": rule.policy.name,
        "version": rule.policy.version,
        "rule_id": rule.spec.id,
        "rule": rule.spec.name,
        "kind": rule.spec.kind,
        "stage": stage.value,
        "shadow": rule.shadow,
        "route": call.route.name,
        "key_id": call.key.id,
        "duration_ms": round(duration_ms, 3),
    }
