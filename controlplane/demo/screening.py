"""What the demo's policies make of its conversations: the policies themselves look at them, once for each text."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.errors import GatewayError
from contracts.events import EventPayload, GuardrailBlocked, GuardrailMatched
from contracts.guardrails import PolicySpec, Stage
from contracts.specs import PayloadStorage
from controlplane.demo.conversations import system_prompt, talk, talk_number
from controlplane.demo.traffic import PlannedCall
from gateway.engine.guard_events import blocked_error
from gateway.engine.payloads import kept_payload
from guardrails.compile import compile_policies
from guardrails.engine.policy import Match
from guardrails.engine.policy_set import PolicySet
from guardrails.selectors import versions_in_force
from guardrails.trial import judged
from tenants.models import Tenant

_MOST_EVIDENCE: Final = 10


@dataclass(frozen=True, slots=True)
class Screened:
    """One conversation under a tenant's policies."""

    prompt: str
    answer: str
    """Both as they went on."""
    on_prompt: tuple[EventPayload, ...]
    on_answer: tuple[EventPayload, ...]
    refusal: GatewayError | None


class Screening:
    """Looks at every planned call; what it finds is in the call."""

    def __init__(self) -> None:
        self._shared = compile_policies(versions_in_force(None))
        self._policies: dict[str, PolicySet] = {}
        self._seen: dict[tuple[str, int, str, str], Screened] = {}

    def look_at(self, calls: Sequence[PlannedCall]) -> None:
        """Refuses those that a rule blocks."""
        for number, call in enumerate(calls):
            if call.route.plan.embeddings:
                continue
            call.talk = talk_number(call.tenant.plan.topic, number)
            call.screened = self._screened(call)
            if call.screened.refusal is not None:
                call.refuse(call.screened.refusal)

    def _screened(self, call: PlannedCall) -> Screened:
        tenant, route = call.tenant.row, call.route.row.name
        key = (str(tenant.pk), call.talk, route, call.key_id)
        if key not in self._seen:
            self._seen[key] = self._looked(tenant, call, route)
        return self._seen[key]

    def _looked(self, tenant: Tenant, call: PlannedCall, route: str) -> Screened:
        policies = self._policies_of(tenant)
        prompt, answer = talk(call.tenant.plan.topic, call.talk)
        given = [system_prompt(call.tenant.plan.topic), prompt]
        asked, answered = judged(policies, Stage.INPUT, given), judged(policies, Stage.OUTPUT, [answer])
        storage = PayloadStorage(call.tenant.plan.payload_storage)
        on_prompt: list[EventPayload] = [_matched(match, given, storage, call) for match in asked.matches]
        on_answer = tuple(_matched(match, [answer], storage, call) for match in answered.matches)
        blocking = asked.blocking
        if isinstance(blocking, Match):
            on_prompt.append(GuardrailBlocked(**_common(blocking, call)))
        return Screened(
            prompt=asked.texts[-1],
            answer=answered.texts[0],
            on_prompt=tuple(on_prompt),
            on_answer=on_answer,
            refusal=blocked_error(blocking) if blocking is not None else None,
        )

    def _policies_of(self, tenant: Tenant) -> PolicySet:
        key = str(tenant.pk)
        if key not in self._policies:
            own: Sequence[PolicySpec] = compile_policies(versions_in_force(tenant.pk))
            self._policies[key] = PolicySet([*self._shared, *own])
        return self._policies[key]


def _matched(match: Match, texts: Sequence[str], storage: PayloadStorage, call: PlannedCall) -> GuardrailMatched:
    findings, text = [finding for _, finding in match.findings], texts[match.findings[0][0]]
    return GuardrailMatched(
        **_common(match, call),
        action=match.action.value,
        entities=dict(Counter(finding.entity for finding in findings)),
        evidence=sorted({finding.evidence for finding in findings if finding.evidence})[:_MOST_EVIDENCE],
        score=max(finding.score for finding in findings),
        text_hash=hashlib.sha256(text.encode()).hexdigest(),
        text=kept_payload(storage, text),
    )


def _common(match: Match, call: PlannedCall) -> dict[str, Any]:
    rule = match.rule
    return {
        "policy_id": rule.policy.id,
        "policy": rule.policy.name,
        "version": rule.policy.version,
        "rule_id": rule.spec.id,
        "rule": rule.spec.name,
        "kind": rule.spec.kind,
        "stage": match.stage.value,
        "shadow": rule.shadow,
        "route": call.route.row.name,
        "key_id": call.key_id,
        "duration_ms": round(match.duration_ms, 3),
    }
