"""What changes tenants, teams, keys, limits and budgets.

Each function is one audited transaction (see :mod:`tenants.changes`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from tenants.changes import delete_row, save_row, with_fields
from tenants.key_lifecycle import DEFAULT_OVERLAP, issue, revoke, rotate, save_new
from tenants.keys import ClearKey, Scope, new_key
from tenants.models import ApiKey, Budget, Membership, RateLimit, Team, Tenant, User

ALL_SCOPES = tuple(scope.value for scope in Scope)


def create_tenant(*, slug: str, name: str, **fields: Any) -> Tenant:
    """A new tenant; ``fields`` are any others of the model.

    Raises:
        ValidationError: a field is not valid, or the slug is taken.
    """
    return save_row(Tenant(slug=slug, name=name, **fields))


def clear_caches(*, tenant: Tenant) -> Tenant:
    """Have all workers forget every answer and result that is kept for the tenant, over whichever route."""
    tenant.cache_generation += 1
    return save_row(tenant)


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
    access_tags: Sequence[str] = (),
    ip_allow: Sequence[str] = (),
    expires_at: datetime | None = None,
    clear_key: ClearKey | None = None,
    rotated_from: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its clear text, which exists nowhere else: show it once.

    ``clear_key`` is for keys whose text is given (the demo's). What ``rotated_from`` has used and spent goes on
    counting for the new key.

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
        access_tags=list(access_tags),
        ip_allow=list(ip_allow),
        expires_at=expires_at,
        rotated_from=rotated_from,
        predecessors=[] if rotated_from is None else [*rotated_from.predecessors, rotated_from.pk],
    )
    issue(row, clear)
    return save_new(row), clear.clear


def update_key(*, key: ApiKey, **fields: Any) -> ApiKey:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(key, fields))


@transaction.atomic
def rotate_key(*, key: ApiKey, overlap: timedelta = DEFAULT_OVERLAP) -> tuple[ApiKey, str]:
    """A successor with the same rights and limits, and its clear text; the old key expires after ``overlap``.

    Both keys share one account: the key's own limits and budgets become the successor's, count both keys' calls, and
    go on from what was used and spent.

    An old key that would have expired sooner still does; the successor keeps the original expiry when it is later
    than the overlap.

    Raises:
        ValidationError: the key is revoked, expired or replaced already: a successor would bring it back to life.
    """
    clear = ""

    def succeed(expires_at: datetime | None) -> ApiKey:
        nonlocal clear
        successor, clear = create_key(
            tenant=key.tenant,
            team=key.team,
            name=key.name,
            scopes=key.scopes,
            allowed_routes=key.allowed_routes,
            allowed_models=key.allowed_models,
            access_tags=key.access_tags,
            ip_allow=key.ip_allow,
            expires_at=expires_at,
            rotated_from=key,
        )
        _hand_over_limits(key, successor)
        return successor

    return rotate(key, overlap, succeed), clear


def _hand_over_limits(key: ApiKey, successor: ApiKey) -> None:
    """Let the key's own limits and budgets be the successor's: the same rows, so the same counters."""
    for row in (*key.rate_limits.all(), *key.budgets.all()):
        row.key = successor
        save_row(row)


def revoke_key(*, key: ApiKey) -> ApiKey:
    """Refuse the key from now on; a key that is revoked already keeps its first instant."""
    return revoke(key)


def set_rate_limit(
    *,
    tenant: Tenant,
    level: str,
    metric: str,
    value: int,
    window_s: int = 60,
    max_wait_ms: int = 0,
    team: Team | None = None,
    key: ApiKey | None = None,
) -> RateLimit:
    """Create the limit of this level, subject, metric and window, or change its value and wait.

    Raises:
        ValidationError: the subject does not fit the level or belongs to another tenant, the value is not positive, or
            there is a wait for something other than calls at a time.
    """
    found = RateLimit.objects.for_tenant(tenant).filter(
        level=level, team=team, key=key, metric=metric, window_s=window_s
    )
    limit = found.first() or RateLimit(tenant=tenant, level=level, team=team, key=key, metric=metric, window_s=window_s)
    limit.value, limit.max_wait_ms = value, max_wait_ms
    return save_row(limit)


def delete_rate_limit(*, limit: RateLimit) -> None:
    """Lift the limit."""
    delete_row(limit)


def set_budget(
    *,
    tenant: Tenant,
    name: str,
    limit_nanousd: int,
    level: str = "tenant",
    window: str = "month",
    team: Team | None = None,
    key: ApiKey | None = None,
    **fields: Any,
) -> Budget:
    """Create the budget of this name, level, subject and window, or change it; ``fields`` are any others of the model.

    Raises:
        ValidationError: the subject does not fit the level or belongs to another tenant, or a field is not valid.
    """
    identity = {"name": name, "level": level, "team": team, "key": key, "window": window}
    found = Budget.objects.for_tenant(tenant).filter(**identity).first()
    budget = found or Budget(tenant=tenant, **identity)
    return save_row(with_fields(budget, {"limit_nanousd": limit_nanousd, **fields}))


def update_budget(*, budget: Budget, **fields: Any) -> Budget:
    """Change these fields; what was spent goes on counting.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(budget, fields))


def reset_budget(*, budget: Budget) -> Budget:
    """Let the budget begin anew: what was spent in this window until now does not count. It stays in the ledger."""
    budget.counts_from = timezone.now()
    return save_row(budget)


def delete_budget(*, budget: Budget) -> None:
    """Delete the budget; what was spent stays in the ledger."""
    delete_row(budget)


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
    with across_tenants("the last use of all keys is noted in one go"), connection.cursor() as cursor:
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
