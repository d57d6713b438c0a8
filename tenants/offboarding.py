"""The end of a tenant: its configuration goes at once, what is left of its calls in the background."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection, transaction
from django.utils import timezone

from contracts.events import EventContext, RetentionApplied
from events import retention
from events.ledger import retention as ledger_retention
from events.traffic.upkeep import remove_tenants
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.data_protection import UNDERWAY
from tenants.emitting import emit
from tenants.models import Tenant
from tenants.services import delete_tenant


class Keep(StrEnum):
    """What stays of the calls of a tenant that is deleted."""

    ALL = "all"
    USAGE = "usage"
    """The ledger, which statements are made of."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows went."""

    events: int = 0
    runs: int = 0
    usage_records: int = 0


@transaction.atomic
def remove_tenant(*, tenant: Tenant, keep: Keep = Keep.ALL) -> None:
    """Delete the tenant with its configuration; what ``keep`` does not keep is erased by a task once that is done.

    Raises:
        ValidationError: something of another owner refers to it.
    """
    tenant_id, slug = tenant.pk, tenant.slug
    delete_tenant(tenant=tenant)
    if keep is not Keep.ALL:
        transaction.on_commit(lambda: _schedule(str(tenant_id), slug, keep), robust=True)


def _schedule(tenant_id: str, slug: str, keep: Keep) -> None:
    """Now, and once more when the last call that was under way has surely ended."""
    from tenants.tasks import erase_removed_tenant

    erase_removed_tenant.delay(tenant_id, slug, keep.value)
    erase_removed_tenant.apply_async((tenant_id, slug, keep.value), countdown=UNDERWAY.total_seconds())


def _erase_figures(owner: str) -> int:
    """The ledger and all sums, those of the overview included; how many ledger rows went."""
    purged = ledger_retention.purge_all(owner)
    with transaction.atomic():
        connection.ensure_connection()
        remove_tenants(connection.connection, [owner])
    return purged


def erase_calls(*, tenant_id: uuid.UUID, slug: str, keep: Keep) -> Removed:
    """Erase events and runs of a tenant that is gone, and its ledger where that is not kept; doing it again is safe.

    Sums in the rollups stay where the ledger is kept: past statements go on being what they were.
    """
    owner, now = str(tenant_id), timezone.now()
    removed = Removed(
        events=retention.purge_events(owner, now),
        runs=retention.purge_runs(owner, now),
        usage_records=_erase_figures(owner) if keep is Keep.NOTHING else 0,
    )
    if not any((removed.events, removed.runs, removed.usage_records)):
        return removed
    note(
        AuditEntry.Action.ERASED,
        object_type="tenant",
        object_id=owner,
        object_name=slug,
        tenant_id=tenant_id,
        details={"events": removed.events, "runs": removed.runs, "usage_records": removed.usage_records},
    )
    emit(
        RetentionApplied(payloads=0, events=removed.events, runs=removed.runs, usage_records=removed.usage_records),
        EventContext(),
    )
    return removed
