"""What reads tenants, keys and limits."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from tenants.audit import AuditEntry
from tenants.models import ApiKey, RateLimit, Tenant


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
