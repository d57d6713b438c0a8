"""Retention of each tenant's data, and erasure of one end user's on request."""

from __future__ import annotations

import hashlib
import hmac
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from contracts.events import EndUserErased, EventContext, RetentionApplied
from contracts.tenant_scope import across_tenants
from events import retention
from events.ledger import retention as ledger_retention
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.emitting import emit
from tenants.erased_users import ErasedEndUser
from tenants.kept_data import kept_data
from tenants.models import Tenant

log = logging.getLogger(__name__)

UNDERWAY: Final = timedelta(hours=2)
"""Calls that had begun when somebody was erased end within this; their events are of before the erasure."""
MAX_END_USER_LENGTH: Final = 1_000


# --- retention -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """How long a tenant's data stays."""

    payloads: int
    events: int
    ledger: int


def retention_of(tenant: Tenant) -> RetentionDays:
    """The tenant's own numbers, or the platform's. Events never outlive EVENT_RETENTION_DAYS, payloads no event."""
    events = min(tenant.event_retention_days or settings.EVENT_RETENTION_DAYS, settings.EVENT_RETENTION_DAYS)
    return RetentionDays(
        payloads=min(tenant.payload_retention_days or settings.PAYLOAD_RETENTION_DAYS, events),
        events=events,
        ledger=tenant.ledger_retention_days or settings.LEDGER_RETENTION_DAYS,
    )


def apply_retention(tenant: Tenant, *, now: datetime | None = None) -> RetentionApplied:
    """Delete what of the tenant is past its retention, payloads first; emitted when anything was."""
    now = now or timezone.now()
    days, tenant_id = retention_of(tenant), str(tenant.pk)
    applied = RetentionApplied(
        payloads=retention.drop_payloads(tenant_id, now - timedelta(days=days.payloads)),
        events=retention.purge_events(tenant_id, now - timedelta(days=days.events)),
        runs=retention.purge_runs(tenant_id, now - timedelta(days=days.events)),
        usage_records=ledger_retention.purge(tenant_id, now - timedelta(days=days.ledger)),
        samples=_apply_to_samples(tenant.pk, days, now),
    )
    if any((applied.payloads, applied.events, applied.runs, applied.usage_records, applied.samples)):
        emit(applied, EventContext(tenant_id=tenant_id))
    return applied


def _apply_to_samples(tenant_id: uuid.UUID, days: RetentionDays, now: datetime) -> int:
    """What was said goes with payloads, the rest with events; how many rows changed."""
    changed = 0
    for data in kept_data():
        changed += data.drop_payloads(tenant_id, now - timedelta(days=days.payloads))
        changed += data.purge(tenant_id, now - timedelta(days=days.events))
    return changed


def apply_all_retention() -> int:
    """Every tenant's retention, then what arrived late of erased end users; returns how many tenants were looked at.

    What fails for one tenant is logged and does not keep the others from theirs.
    """
    with across_tenants("retention is applied to one tenant after the other"):
        tenants = list(Tenant.objects.order_by("pk"))
    for tenant in tenants:
        try:
            apply_retention(tenant)
            erase_late_arrivals(tenant)
        except Exception:
            log.exception("retention of tenant %s failed; the next run tries again", tenant.slug)
    return len(tenants)


# --- erasure -------------------------------------------------------------------------------------------


def pseudonym_of(tenant_id: uuid.UUID, end_user: str) -> str:
    """What stands for an erased end user: the same at every erasure, and without PSEUDONYM_KEY nobody's name."""
    keyed = hmac.new(settings.PSEUDONYM_KEY.encode(), f"{tenant_id}\n{end_user}".encode(), hashlib.sha256)
    return f"{retention.PSEUDONYM_PREFIX}{keyed.hexdigest()[:40]}"


def checked_end_user(end_user: str) -> str:
    """The id.

    Raises:
        ValidationError: there is none, it is too long, or it is a pseudonym already.
    """
    if not end_user.strip() or len(end_user) > MAX_END_USER_LENGTH:
        raise ValidationError(f"Name the end user, in at most {MAX_END_USER_LENGTH} characters.")
    if end_user.startswith(retention.PSEUDONYM_PREFIX):
        raise ValidationError("This is the pseudonym of somebody who was erased already.")
    return end_user


def erase_end_user(tenant: Tenant, end_user: str, *, told: retention.Told | None = None) -> EndUserErased:
    """Take this end user out of all the tenant's data, up to now; calls they make later are new data.

    Prompts and answers go; in events, runs and the ledger a pseudonym stands for the id, so that sums stay. The audit
    entry is the current actor's and holds the pseudonym only. Doing it again is safe. ``told`` hears how far it is.

    Raises:
        ValidationError: there is no id, or it is a pseudonym already.
    """
    pseudonym = pseudonym_of(tenant.pk, checked_end_user(end_user))
    # First on the list: should the rest be cut short, the nightly run finishes it.
    ErasedEndUser.objects.update_or_create(
        tenant_id=tenant.pk, pseudonym=pseudonym, defaults={"erased_at": timezone.now()}
    )
    erased = _erase(tenant.pk, end_user, pseudonym, timezone.now() + UNDERWAY, late=False, told=told)
    note(
        AuditEntry.Action.ERASED,
        object_type="enduser",
        object_id=pseudonym,
        object_name=pseudonym,
        tenant_id=tenant.pk,
        details={
            "events": erased.events,
            "runs": erased.runs,
            "usage_records": erased.usage_records,
            "samples": erased.samples,
        },
    )
    return erased


def erase_late_arrivals(tenant: Tenant) -> int:
    """Erase again whoever was erased and has since turned up in what happened before; returns how many did."""
    erasures = {row.pseudonym: row.erased_at for row in ErasedEndUser.objects.filter(tenant_id=tenant.pk)}
    if not erasures:
        return 0
    again = 0
    newest = max(erasures.values()) + UNDERWAY
    end_users = set(retention.end_users_until(str(tenant.pk), newest))
    end_users.update(*(data.end_users_until(tenant.pk, newest) for data in kept_data()))
    for end_user in sorted(end_users):
        pseudonym = pseudonym_of(tenant.pk, end_user)
        if pseudonym in erasures:
            erased = _erase(tenant.pk, end_user, pseudonym, erasures[pseudonym] + UNDERWAY, late=True)
            again += bool(erased.events or erased.runs or erased.usage_records or erased.samples)
    return again


def _erase(
    tenant_id: uuid.UUID,
    end_user: str,
    pseudonym: str,
    until: datetime,
    *,
    late: bool,
    told: retention.Told | None = None,
) -> EndUserErased:
    owner = str(tenant_id)
    done = retention.erase_user(owner, end_user, pseudonym, until, told=told)
    erased = EndUserErased(
        pseudonym=pseudonym,
        events=done.events,
        runs=done.runs,
        usage_records=ledger_retention.erase_user(owner, end_user, pseudonym),
        samples=sum(data.erase_user(tenant_id, end_user, pseudonym, until) for data in kept_data()),
        late=late,
    )
    emit(erased, EventContext(tenant_id=owner))
    return erased
