"""What creating, rotating and revoking mean for any issued key; API keys and service keys add their own fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contracts.events import EventContext, KeyChanged
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.changes import save_row
from tenants.emitting import emit
from tenants.issued_keys import IssuedKey
from tenants.keys import ClearKey

Key = TypeVar("Key", bound=IssuedKey)

DEFAULT_OVERLAP = timedelta(hours=24)


def issue(row: IssuedKey, clear: ClearKey) -> None:
    """Put a clear key's hash and recognisable parts into an unsaved row, with who creates it."""
    row.key_hash, row.prefix, row.last_four = clear.key_hash, clear.prefix, clear.last_four
    row.created_by = current_actor().name[:150]


@transaction.atomic
def save_new(row: Key) -> Key:
    """Store a new, issued key.

    Raises:
        ValidationError: a field is not valid, or the key would never work.
    """
    save_row(row)
    _tell(row, "created")
    return row


@transaction.atomic
def rotate(key: Key, overlap: timedelta, succeed: Callable[[datetime | None], Key]) -> Key:
    """Let ``succeed`` make a successor with the given expiry, and end ``key`` after ``overlap``.

    A key that would have ended sooner still does; the successor keeps the original expiry when that is later than
    the overlap.

    Raises:
        ValidationError: the overlap is negative, or the key is revoked, expired or replaced already.
    """
    if overlap < timedelta(0):
        raise ValidationError("The overlap cannot be negative.")
    key.refresh_from_db(from_queryset=type(key)._base_manager.select_for_update())
    if key.state() != "active":
        raise ValidationError(f"A key that is {key.state()} cannot be rotated; create a new one.")
    if key.is_replaced:
        raise ValidationError("This key cannot be rotated: it has a successor already; rotate that one.")
    ends = timezone.now() + overlap
    successor = succeed(key.expires_at if key.expires_at is not None and key.expires_at > ends else None)
    key.expires_at = ends if key.expires_at is None else min(key.expires_at, ends)
    save_row(key, action=AuditEntry.Action.ROTATED)
    _tell(key, "rotated", successor=successor)
    return successor


@transaction.atomic
def revoke(key: Key) -> Key:
    """Refuse the key from now on; a key that is revoked already keeps its first instant."""
    # What somebody else changed since the row was read must not be undone by saving it.
    key.refresh_from_db(from_queryset=type(key)._base_manager.select_for_update())
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        save_row(key, action=AuditEntry.Action.REVOKED)
        _tell(key, "revoked")
    return key


def _tell(key: IssuedKey, change: str, *, successor: IssuedKey | None = None) -> None:
    ends = key.revoked_at or key.expires_at
    event = KeyChanged(
        change=change,
        key_type=str(key._meta.model_name),
        key_id=str(key.pk),
        name=key.name,
        shown=key.shown,
        ends_at_ms=None if ends is None else int(ends.timestamp() * 1000),
        successor_id=None if successor is None else str(successor.pk),
        actor=current_actor().name,
    )
    context = EventContext(tenant_id=str(key.audit_tenant_id() or ""))
    transaction.on_commit(lambda: emit(event, context), robust=True)
