"""Deployments that are told of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from alerting.causes.rows import Deployment
from contracts.events import DeploymentRecorded, EventContext
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.emitting import emit
from tenants.models import Tenant

AHEAD: Final = timedelta(minutes=5)
"""Clocks differ by so much at most."""


@transaction.atomic
def record_deployment(*, tenant: Tenant | None = None, **fields: Any) -> Deployment:
    """A version went live, now unless ``deployed_at`` says when.

    Raises:
        ValidationError: a field is not valid, or it is in the future.
    """
    row = Deployment(tenant=tenant, recorded_by=current_actor().name, **{"deployed_at": timezone.now(), **fields})
    if row.deployed_at > timezone.now() + AHEAD:
        raise ValidationError({"deployed_at": "It has not been yet."})
    row.full_clean()
    row.save(force_insert=True)
    note(
        AuditEntry.Action.CREATED,
        object_type="deployment",
        object_id=str(row.pk),
        object_name=str(row),
        tenant_id=row.tenant_id,
        details={"environment": row.environment, "note": row.note, "link": row.link},
    )
    event = DeploymentRecorded(
        deployment_id=str(row.pk),
        service=row.service,
        version=row.version,
        environment=row.environment,
        note=row.note,
        link=row.link,
        deployed_at_ms=int(row.deployed_at.timestamp() * 1000),
        actor=row.recorded_by,
    )
    context = EventContext(tenant_id=str(row.tenant_id or ""))
    transaction.on_commit(lambda: emit(event, context), robust=True)
    return row
