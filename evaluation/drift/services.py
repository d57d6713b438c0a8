"""What changes drift monitors."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from evaluation.drift import telling
from evaluation.drift.rows import DriftMonitor, DriftState
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant

MOST_MONITORS: Final = 50
"""Of a tenant: each look reads thousands of rows."""
_SAYS_THE_SAME: Final = frozenset({"name", "severity", "every_minutes"})
"""Fields that change nothing about what was found."""


@transaction.atomic
def create_monitor(*, tenant: Tenant, **fields: Any) -> DriftMonitor:
    """A new monitor, which looks within a minute.

    Raises:
        ValidationError: a field is not valid, the name is taken, or the tenant has as many as it can.
    """
    if DriftMonitor.objects.for_tenant(tenant).count() >= MOST_MONITORS:
        raise ValidationError(f"A tenant has at most {MOST_MONITORS} monitors.")
    monitor = save_row(with_fields(DriftMonitor(tenant=tenant), fields))
    DriftState.objects.create(monitor=monitor, tenant_id=monitor.tenant_id)
    return monitor


@transaction.atomic
def update_monitor(*, monitor: DriftMonitor, **fields: Any) -> DriftMonitor:
    """Change what it looks at; where that makes it say something else, what it had found is over and it looks anew.

    Raises:
        ValidationError: a field is not valid, or the name is taken.
    """
    stored = DriftMonitor.objects.for_tenant(monitor.tenant_id).get(pk=monitor.pk)
    row = save_row(with_fields(monitor, fields))
    changed = {
        field.name
        for field in DriftMonitor._meta.concrete_fields
        if field.value_from_object(stored) != field.value_from_object(row)
    }
    if changed - _SAYS_THE_SAME - {"updated_at"}:
        _begin_anew(row)
    elif "every_minutes" in changed:
        _states(row).update(next_look_at=timezone.now())
    return row


@transaction.atomic
def delete_monitor(*, monitor: DriftMonitor) -> None:
    """Look no more; what goes on is over, and its looks go with it."""
    _end(monitor, "nobody looks at it any more")
    delete_row(monitor)


@transaction.atomic
def look_soon(*, monitor: DriftMonitor) -> None:
    """Have it look within a minute, whenever it would.

    Raises:
        ValidationError: it is switched off.
    """
    if not monitor.enabled:
        raise ValidationError("It is switched off.")
    _states(monitor).update(next_look_at=timezone.now())


def _begin_anew(monitor: DriftMonitor) -> None:
    _end(monitor, "what it looks at was changed" if monitor.enabled else "it was switched off")
    now = timezone.now()
    # Whoever looks right now looks at what it was, and loses the lease.
    _states(monitor).update(
        phase=DriftState.Phase.UNKNOWN,
        since=now,
        drifted_at=None,
        alert="",
        next_look_at=now,
        worker="",
        leased_until=None,
        error="",
    )


def _end(monitor: DriftMonitor, why: str) -> None:
    state = _states(monitor).select_for_update(of=("self",)).first()
    if state is not None:
        telling.ended(monitor, state, at=timezone.now(), why=why)


def _states(monitor: DriftMonitor) -> Any:
    return DriftState.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor)
