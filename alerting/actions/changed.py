"""What an action changed, and whether anybody changed it since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db.models import Q

from alerting.actions.rows import ActionRun
from tenants.audit import AuditEntry

CHANGED_SINCE = "Somebody changed it since: it is left as it is."
GONE = "It is not there any more."
_BY_ALERTS = "alert “"


def actor_of(alert_name: str) -> str:
    """Who the audit log says acts for an alert."""
    return f"{_BY_ALERTS}{alert_name}”"


def is_of_alerts(actor: str) -> bool:
    """Whether an alert did it."""
    return actor.startswith(_BY_ALERTS)


class Changed(msgspec.Struct, frozen=True):
    """As it was, as it is now, and up to where the audit log tells of it."""

    before: dict[str, Any]
    after: dict[str, Any]
    audit_id: int = 0


def last_entry(tenant_id: Any, objects: Sequence[tuple[str, str]]) -> int:
    """The id of the newest audit entry about these (type, id); what somebody changes later has a greater one."""
    return entries(tenant_id, objects).order_by("-id").values_list("id", flat=True).first() or 0


def newer(run: ActionRun, objects: Sequence[tuple[str, str]]) -> list[AuditEntry]:
    """What was changed about these since the action was taken."""
    return list(entries(run.tenant_id, objects).filter(id__gt=run.audit_id))


def entries(tenant_id: Any, objects: Sequence[tuple[str, str]]) -> Any:
    """All about these, the tenant's only."""
    about = Q(pk__in=[])
    for kind, key in objects:
        about |= Q(object_type=kind, object_id=key)
    return AuditEntry.objects.filter(about, tenant_ref=str(tenant_id or ""))
