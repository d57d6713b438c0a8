"""Hits as the collector stores them: their events and sums."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from contracts.ids import new_correlation_id
from events.models import EventRecord
from events.traffic.measures import Kind
from events.traffic.parts import RulePart
from guardrails.models import Policy
from tenants.models import Tenant
from tests.controlplane.pages.traffic import counted


def hit(
    policy: Policy, tenant: Tenant | None = None, *, minutes_ago: int = 5, rule: str = "rivals", **fields: Any
) -> str:
    """One hit in a call of the tenant, the policy's unless another is given; the call's correlation id."""
    whose, at = tenant or policy.tenant, timezone.now() - timedelta(minutes=minutes_ago)
    assert whose is not None
    payload = {
        "policy_id": str(policy.pk),
        "policy": policy.name,
        "version": 1,
        "rule_id": rule,
        "rule": rule.title(),
        "kind": "words",
        "stage": "input",
        "action": "block",
        "entities": {"RIVAL": 2},
        "evidence": ["on the list"],
        "text_hash": "a" * 64,
        "route": "chat",
        **fields,
    }
    event = EventRecord.objects.create(
        event_id=uuid4(),
        occurred_at=at,
        event_type="guardrail.rule.matched",
        schema_version=1,
        layer=3,
        tenant_id=str(whose.pk),
        correlation_id=new_correlation_id(),
        payload=payload,
    )
    part = RulePart(str(policy.pk), rule, payload["action"], bool(payload.get("shadow")))
    counted(str(whose.pk), Kind.RULE, str(part), at)
    counted(str(whose.pk), Kind.GUARD, "guardrail.rule.matched", at)
    return str(event.correlation_id)
