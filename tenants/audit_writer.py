"""The one place that writes entries of the audit log."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from tenants.actor import current_actor
from tenants.audit import AuditEntry


def write_entry(
    action: AuditEntry.Action,
    *,
    object_type: str,
    object_id: str,
    object_name: str,
    tenant_id: uuid.UUID | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> AuditEntry:
    """An entry in the current transaction: of whoever is acting, from where they are."""
    actor = current_actor()
    entry: AuditEntry = AuditEntry.objects.create(
        actor=actor.name,
        source_ip=actor.ip,
        action=action,
        object_type=object_type,
        object_id=object_id,
        object_name=object_name[:300],
        tenant_ref=str(tenant_id or ""),
        before=dict(before),
        after=dict(after),
    )
    return entry
