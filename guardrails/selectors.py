"""What reads policies for gateways, pages and the API."""

from __future__ import annotations

import uuid

from django.db.models import F, Q, QuerySet

from guardrails.models import Policy, PolicyVersion


def versions_in_force(tenant_id: uuid.UUID | None) -> QuerySet[PolicyVersion]:
    """What applies to calls of the tenant (None: what the platform has for all), in order; one query."""
    owned = Q(tenant__isnull=True) if tenant_id is None else Q(tenant=tenant_id)
    rows: QuerySet[PolicyVersion] = (
        PolicyVersion.objects.filter(owned, number=F("policy__live_version"))
        .exclude(policy__mode=Policy.Mode.OFF)
        .select_related("policy")
        .order_by("policy__order", "policy__name", "policy_id")
    )
    return rows
