"""What reads tenants, keys, limits and budgets."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from events.models import Run
from tenants.audit import AuditEntry
from tenants.models import ApiKey, Budget, Membership, RateLimit, Team, Tenant


@across_tenants("whose key it is is what the query finds out")
def key_by_hash(key_hash: str) -> ApiKey | None:
    """The key with this SHA-256, in whatever state it is."""
    key: ApiKey | None = ApiKey.objects.filter(key_hash=key_hash).first()
    return key


def limits_of_key(key: ApiKey) -> QuerySet[RateLimit]:
    """The limits that follow the key wherever it is used: its own and its team's."""
    return RateLimit.objects.of_key(key).order_by("pk")


def limits_of_tenant(tenant_id: uuid.UUID) -> QuerySet[RateLimit]:
    """The limits on the tenant as a whole and on each of its end users."""
    return RateLimit.objects.of_whole_tenant(tenant_id).order_by("pk")


def budgets_of_key(key: ApiKey) -> QuerySet[Budget]:
    """The enabled budgets that follow the key wherever it is used: its own and its team's."""
    return Budget.objects.of_key(key).enabled().select_related("tenant").order_by("pk")


def keys_of_account(tenant_id: str, account_id: str) -> list[str]:
    """Ids of all keys, also deleted ones, whose calls count in the account that a key's limits and budgets go by."""
    found = {account_id}
    try:
        keys = ApiKey.objects.of_account(uuid.UUID(tenant_id), uuid.UUID(account_id))
    except ValueError:
        return [account_id]
    for key in keys.only("id", "predecessors"):
        found |= {str(key.pk), *map(str, key.predecessors)}
    return sorted(found)


def budgets_of_tenant(tenant_id: uuid.UUID) -> QuerySet[Budget]:
    """The enabled budgets of the tenant as a whole and of each of its end users."""
    return Budget.objects.of_whole_tenant(tenant_id).enabled().order_by("pk")


def tenant_by_name(name: str) -> Tenant | None:
    """The tenant of this short name or id, as a person writes it."""
    try:
        return Tenant.objects.filter(pk=uuid.UUID(name)).first()
    except ValueError:
        return Tenant.objects.filter(slug=name).first()


def tenant_by_id(tenant_id: uuid.UUID) -> Tenant | None:
    """The tenant, active or not."""
    return Tenant.objects.filter(pk=tenant_id).first()


def platform_version() -> int:
    """A number that grows with every change of what all tenants share: the newest such audit entry's."""
    newest = AuditEntry.objects.filter(tenant_ref="").order_by("-id").values_list("id", flat=True).first()
    return newest or 0


LATE = timedelta(minutes=15)
"""Runs may be written this much later than they began: after an outage of the bus or the database, say."""
OLDEST = timedelta(days=7)
"""How far a first look at the runs goes back."""


@across_tenants("the last use of all keys is noted in one go")
def newest_key_use() -> datetime:
    """The latest instant at which any key is known to have been used; :data:`OLDEST` ago at the earliest."""
    oldest = timezone.now() - OLDEST
    newest: datetime | None = ApiKey.objects.aggregate(newest=Max("last_used_at"))["newest"]
    return oldest if newest is None else max(newest, oldest)


@across_tenants("the last use of all keys is noted in one go")
def key_uses_since(instant: datetime) -> dict[uuid.UUID, datetime]:
    """When each key was last used, for keys with calls that began after the instant (less :data:`LATE`)."""
    uses = (
        Run.objects.filter(started_at__gt=instant - LATE, key_id__isnull=False)
        .order_by()
        .values_list("key_id")
        .annotate(Max("started_at"))
    )
    return {uuid.UUID(key_id): used_at for key_id, used_at in uses if key_id}


def keys_of_tenant(tenant_id: uuid.UUID) -> QuerySet[ApiKey]:
    """The tenant's keys with their teams, newest first."""
    return ApiKey.objects.for_tenant(tenant_id).select_related("team").order_by("-created_at")


def teams_of_tenant(tenant_id: uuid.UUID) -> QuerySet[Team]:
    """The tenant's teams by name."""
    return Team.objects.for_tenant(tenant_id).order_by("name")


def members_of_tenant(tenant_id: uuid.UUID) -> QuerySet[Membership]:
    """Who may operate the tenant."""
    return Membership.objects.for_tenant(tenant_id).select_related("user").order_by("user__username")


def audit_of_tenant(tenant_id: uuid.UUID) -> QuerySet[AuditEntry]:
    """What was changed in the tenant, newest first."""
    return AuditEntry.objects.filter(tenant_ref=str(tenant_id)).order_by("-id")
