"""What the page of a call says of the kept answer that served it."""

from __future__ import annotations

from typing import Any

from events.models import EventRecord
from routing.answer_judging import judgement_of
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import Workspace


def alike_of(events: list[EventRecord], tenant: Tenant | None, workspace: Workspace) -> dict[str, Any] | None:
    """What served a call in place of a provider, for the page; None where it was no question in other words."""
    for event in events:
        if event.event_type == "cache.lookup.hit" and event.payload.get("mode") == "semantic":
            judgement = judgement_of(tenant, event.correlation_id) if tenant is not None else None
            return {
                "similarity": event.payload.get("similarity"),
                "confidence": event.payload.get("confidence"),
                "age_s": event.payload.get("age_s"),
                "judgement": judgement,
                "may_judge": tenant is not None and workspace.may(TenantPermission.MANAGE_ROUTES),
            }
    return None
