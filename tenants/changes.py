"""The one way in which configuration rows change.

Every change is one transaction that validates, writes the row and its audit entry, and bumps the tenant's
version; on commit the compiled copies are dropped and ``config.object.changed`` is emitted. Services, the admin
and ``manage.py config apply`` all come through here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, ProtectedError, RestrictedError

from contracts.events import ConfigChanged, EventContext
from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.audit_writer import write_entry
from tenants.emitting import emit
from tenants.invalidation import publish_on_commit
from tenants.models import Tenant
from tenants.rows import ConfigRow

Row = TypeVar("Row", bound=ConfigRow)
Action = AuditEntry.Action

_NEVER_AUDITED = frozenset({"created_at", "updated_at"})
_EVENT_ACTIONS = {Action.CREATED: "created", Action.DELETED: "deleted"}


def snapshot(row: ConfigRow) -> dict[str, Any]:
    """The row's fields as the audit log shows them; foreign keys by id, secrets left out."""
    hidden = _NEVER_AUDITED | row.audit_exclude
    return {
        field.name: _plain(field.value_from_object(row))
        for field in row._meta.concrete_fields
        if field.name not in hidden
    }


@transaction.atomic
def save_row(row: Row, *, action: AuditEntry.Action | None = None) -> Row:
    """Create or update the row; an update that changes nothing writes nothing.

    ``action`` names what was done when that says more than created or updated (a revocation, a rotation).

    Raises:
        ValidationError: the row, or its place among the others, is not valid.
    """
    row.full_clean()
    if row._state.adding:
        row.save(force_insert=True)
        record_change(row, action or Action.CREATED, before={}, after=snapshot(row))
        return row
    with across_tenants("the stored state of the very row that is being saved"):
        stored = type(row)._base_manager.select_for_update().get(pk=row.pk)
    before, after = snapshot(stored), snapshot(row)
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return row
    # What held a copy before the change (a team's keys, say) may not be what holds one after it.
    publish_on_commit(stored.invalidations())
    row.save(update_fields=[*changed, "updated_at"])
    record_change(
        row,
        action or Action.UPDATED,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return row


@transaction.atomic
def delete_row(row: ConfigRow) -> None:
    """Delete the row and what only makes sense with it.

    Raises:
        ValidationError: something that stays refers to it; the message names what.
    """
    before = snapshot(row)
    key, invalidations = row.pk, row.invalidations()
    try:
        row.delete()
    except (ProtectedError, RestrictedError) as error:
        users = ", ".join(sorted(map(str, _in_the_way(error)))[:5])
        raise ValidationError(f"{row._meta.verbose_name} {row.audit_name()} is still used by: {users}.") from error
    row.pk = key
    publish_on_commit(invalidations)
    record_change(row, Action.DELETED, before=before, after={})


def _in_the_way(error: ProtectedError | RestrictedError) -> Iterable[models.Model]:
    return error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects


def record_change(row: ConfigRow, action: AuditEntry.Action, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The entry of a change that the caller has written in this transaction, and all that every change brings with it.

    For changes of a row together with the rows that are a part of it: one change is one entry.
    """
    tenant_id = row.audit_tenant_id()
    record(row, action, name=row.audit_name(), tenant_id=tenant_id, before=before, after=after)
    if tenant_id is not None:
        Tenant.objects.filter(pk=tenant_id).update(version=F("version") + 1)
    if action is not Action.DELETED:
        publish_on_commit(row.invalidations())


def record(
    row: models.Model,
    action: AuditEntry.Action,
    *,
    name: str,
    tenant_id: uuid.UUID | None = None,
    before: dict[str, Any],
    after: dict[str, Any],
) -> AuditEntry:
    """Write the audit entry of a change made in the current transaction, and emit its event on commit."""
    entry = write_entry(
        action,
        object_type=str(row._meta.model_name),
        object_id=str(row.pk),
        object_name=name,
        tenant_id=tenant_id,
        before=before,
        after=after,
    )
    event = ConfigChanged(
        action=_EVENT_ACTIONS.get(action, "updated"),
        object_type=entry.object_type,
        object_id=entry.object_id,
        object_name=entry.object_name,
        actor=entry.actor,
    )
    context = EventContext(tenant_id=entry.tenant_ref)
    transaction.on_commit(lambda: emit(event, context), robust=True)
    return entry


def _plain(value: Any) -> Any:
    """The value as JSON gives it back, so that a stored and an unsaved row compare equal."""
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def with_fields(row: Row, fields: Mapping[str, Any]) -> Row:
    """``row`` with these fields set, unsaved.

    Raises:
        TypeError: the row has no such field, or it is not one that people change.
    """
    known = {field.name for field in row._meta.concrete_fields if field.editable}
    for name, value in fields.items():
        if name not in known:
            raise TypeError(f"{type(row).__name__} has no field {name!r} that can be changed.")
        setattr(row, name, value)
    return row
