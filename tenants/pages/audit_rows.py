"""What was changed of one thing, for its page."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from tenants.audit import AuditEntry
from tenants.pages.audit_changes import Change, changes

MOST_ENTRIES = 30


@dataclass(frozen=True, slots=True)
class Told:
    """One entry with what it changed; nothing where the thing came to be."""

    entry: AuditEntry
    fields: list[Change]


def changes_of(tenant_id: uuid.UUID | None, object_types: Iterable[str], object_ids: Iterable[str]) -> list[Told]:
    """The newest :data:`MOST_ENTRIES` entries about these objects of the tenant (None: the platform's)."""
    entries = AuditEntry.objects.filter(
        tenant_ref=str(tenant_id or ""), object_type__in=list(object_types), object_id__in=list(object_ids)
    ).order_by("-id")[:MOST_ENTRIES]
    return [Told(entry, changes(entry) if entry.before and entry.after else []) for entry in entries]
