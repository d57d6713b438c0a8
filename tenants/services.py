"""What changes tenants, teams, keys and limits.

Each function is one audited transaction (see :mod:`tenants.changes`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.changes import delete_row, save_row, with_fields
from tenants.keys import ClearKey, Scope, new_key
from tenants.models import ApiKey, Membership, RateLimit, Team, Tenant, User

ALL_SCOPES = tuple(scope.value for scope in Scope)
DEFAULT_OVERLAP = timedelta(hours=24)


def create_tenant(*, slug: str, name: str, **fields: Any) -> Tenant:
    """A new tenant; ``fields`` are any others of the model.

    Raises:
        ValidationError: a field is not valid, or the slug is taken.
    """
    return save_row(Tenant(slug=slug, name=name, **fields))


def update_tenant(*, tenant: Tenant, **fields: Any) -> Tenant:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(tenant, fields))


def create_team(*, tenant: Tenant, name: str) -> Team:
    """A new team.

    Raises:
        ValidationError: the tenant has a team of this name.
    """
    return save_row(Team(tenant=tenant, name=name))


def set_membership(*, user: User, tenant: Tenant, role: str) -> Membership:
    """Give the user this role in the tenant, whether or not they had another."""
    membership = Membership.objects.for_tenant(tenant).filter(user=user).first() or Membership(user=user, tenant=tenant)
    membership.role = role
    return save_row(membership)


@transaction.atomic
def create_key(
    *,
    tenant: Tenant,
    name: str,
    team: Team | None = None,
    scopes: Sequence[str] = ALL_SCOPES,
    allowed_routes: Sequence[str] = (),
    allowed_models: Sequence[str] = (),
    ip_allow: Sequence[str] = (),
    expires_at: datetime | None = None,
    clear_key: ClearKey | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its clear text, which exists nowhere else: show it once.

    ``clear_key`` is for keys whose text is given (the demo's).

    Raises:
        ValidationError: a field is not valid, or the team is another tenant's.
    """
    clear = clear_key or new_key()
    row = ApiKey(
        tenant=tenant,
        team=team,
        name=name,
        scopes=list(scopes),
        allowed_routes=list(allowed_routes),
        allowed_models=list(allowed_models),
        ip_allow=list(ip_allow),
        expires_at=expires_at,
    )
    issue(row, clear)
    return save_row(row), clear.clear


def issue(row: ApiKey, clear: ClearKey) -> None:
    """Put a clear key's hash and recognisable parts into an unsaved row, with who creates it."""
    row.key_hash, row.prefix, row.last_four = clear.key_hash, clear.prefix, clear.last_four
    row.created_by = current_actor().name[:150]


def update_key(*, key: ApiKey, **fields: Any) -> ApiKey:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(key, fields))


@transaction.atomic
def rotate_key(*, key: ApiKey, overlap: timedelta = DEFAULT_OVERLAP) -> tuple[ApiKey, str]:
    """A successor with the same rights and limits, and its clear text; the old key expires after ``overlap``.

    An old key that would have expired sooner still does; the successor keeps the original expiry when it is later
    than the overlap.

    Raises:
        ValidationError: the key is revoked or expired: a successor would bring it back to life.
    """
    key.refresh_from_db(from_queryset=ApiKey.objects.select_for_update())
    if key.state() != "active":
        raise ValidationError(f"A key that is {key.state()} cannot be rotated; create a new one.")
    ends = timezone.now() + overlap
    successor, clear = create_key(
        tenant=key.tenant,
        team=key.team,
        name=key.name,
        scopes=key.scopes,
        allowed_routes=key.allowed_routes,
        allowed_models=key.allowed_models,
        ip_allow=key.ip_allow,
        expires_at=key.expires_at if key.expires_at is not None and key.expires_at > ends else None,
    )
    for limit in key.rate_limits.all():
        set_rate_limit(
            tenant=key.tenant,
            level="key",
            key=successor,
            metric=limit.metric,
            value=limit.value,
            window_s=limit.window_s,
        )
    key.expires_at = ends if key.expires_at is None else min(key.expires_at, ends)
    save_row(key, action=AuditEntry.Action.ROTATED)
    return successor, clear


@transaction.atomic
def revoke_key(*, key: ApiKey) -> ApiKey:
    """Refuse the key from now on; a key that is revoked already keeps its first instant."""
    # What somebody else changed since the row was read must not be undone by saving it.
    key.refresh_from_db(from_queryset=ApiKey.objects.select_for_update())
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        save_row(key, action=AuditEntry.Action.REVOKED)
    return key


def set_rate_limit(
    *,
    tenant: Tenant,
    level: str,
    metric: str,
    value: int,
    window_s: int = 60,
    team: Team | None = None,
    key: ApiKey | None = None,
) -> RateLimit:
    """Create the limit of this level, subject, metric and window, or change its value.

    Raises:
        ValidationError: the subject does not fit the level or belongs to another tenant, or the value is not positive.
    """
    found = RateLimit.objects.for_tenant(tenant).filter(
        level=level, team=team, key=key, metric=metric, window_s=window_s
    )
    limit = found.first() or RateLimit(tenant=tenant, level=level, team=team, key=key, metric=metric, window_s=window_s)
    limit.value = value
    return save_row(limit)


def delete_rate_limit(*, limit: RateLimit) -> None:
    """Lift the limit."""
    delete_row(limit)


def delete_membership(*, membership: Membership) -> None:
    """Take the user out of the tenant."""
    delete_row(membership)


def delete_tenant(*, tenant: Tenant) -> None:
    """Delete the tenant and all of its configuration; events, runs and the ledger stay.

    Raises:
        ValidationError: something of another owner refers to it.
    """
    delete_row(tenant)


def delete_team(*, team: Team) -> None:
    """Delete the team.

    Raises:
        ValidationError: it still has keys.
    """
    delete_row(team)


def touch_keys(*, used_at: Mapping[uuid.UUID, datetime]) -> int:
    """Note when keys were last used, in one statement; returns how many rows moved forward.

    Not audited, as nobody configured it. Instants older than what is stored and unknown keys are passed over.
    """
    if not used_at:
        return 0
    # In the order of the ids, so that two of these at once cannot wait for each other.
    rows = sorted(used_at.items())
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, [[key_id for key_id, _ in rows], [instant for _, instant in rows]])
        return int(cursor.rowcount)


_TOUCH = """
WITH used AS (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]) AS used (id, at)),
locked AS (
    SELECT key.id, used.at FROM tenants_apikey AS key JOIN used USING (id)
    WHERE key.last_used_at IS NULL OR key.last_used_at < used.at
    ORDER BY key.id FOR NO KEY UPDATE OF key
)
UPDATE tenants_apikey AS key SET last_used_at = locked.at FROM locked WHERE key.id = locked.id
"""
