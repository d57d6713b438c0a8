"""What reads tenants, keys and limits."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from events.models import Run
from tenants.audit import AuditEntry
from tenants.models import ApiKey, Membership, RateLimit, Team, Tenant


def key_by_hash(key_hash: str) -> ApiKey | None:
    """The key with this SHA-256, in whatever state it is."""
    key: ApiKey | None = ApiKey.objects.filter(key_hash=key_hash).first()
    return key


def limits_of_key(key: ApiKey) -> QuerySet[RateLimit]:
    """The limits that follow the key wherever it is used: its own and its team's."""
    subject = Q(key_id=key.pk)
    if key.team_id is not None:
        subject |= Q(team_id=key.team_id)
    return RateLimit.objects.for_tenant(key.tenant_id).filter(subject).order_by("pk")


def limits_of_tenant(tenant_id: uuid.UUID) -> QuerySet[RateLimit]:
    """The limits on the tenant as a whole and on each of its end users."""
    return RateLimit.objects.for_tenant(tenant_id).filter(level__in=["tenant", "user"]).order_by("pk")


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


def newest_key_use() -> datetime:
    """The latest instant at which any key is known to have been used; :data:`OLDEST` ago at the earliest."""
    oldest = timezone.now() - OLDEST
    newest: datetime | None = ApiKey.objects.aggregate(newest=Max("last_used_at"))["newest"]
    return oldest if newest is None else max(newest, oldest)


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
