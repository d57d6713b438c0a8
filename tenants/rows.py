"""The base of every configuration table: time-ordered ids, timestamps, what to audit and what to invalidate."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Self

import uuid_utils
from django.db import models

from tenants.invalidation import Invalidation

if TYPE_CHECKING:
    from tenants.models import Tenant


def new_uuid7() -> uuid.UUID:
    """A UUIDv7 as the standard library's type: rows sort by age, and inserts stay at the right of the index."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


class OfTenant(models.QuerySet[Any]):
    """Rows that belong to a tenant."""

    def for_tenant(self, tenant: Tenant | uuid.UUID) -> Self:
        """Those of this tenant only."""
        return self.filter(tenant_id=tenant if isinstance(tenant, uuid.UUID) else tenant.pk)


class OfTenantOrPlatform(OfTenant):
    """Rows that belong to a tenant, or to the platform, which all tenants share."""

    def of_platform(self) -> Self:
        """The platform's only."""
        return self.filter(tenant=None)


class ConfigRow(models.Model):
    """A row that operators configure and gateways hold a compiled copy of.

    Change such rows through :mod:`tenants.changes` only: it writes the audit row and drops the compiled copies.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    audit_exclude: ClassVar[frozenset[str]] = frozenset()
    """Fields kept out of the audit log: secrets, and what changes without anyone having configured it."""

    class Meta:
        """No table of its own."""

        abstract = True

    def audit_name(self) -> str:
        """What people call this row."""
        return str(self)

    def audit_tenant_id(self) -> uuid.UUID | None:
        """The tenant whose configuration this row is part of; None for the platform's."""
        tenant_id: Any = getattr(self, "tenant_id", None)
        return tenant_id if isinstance(tenant_id, uuid.UUID) else None

    def invalidations(self) -> list[Invalidation]:
        """Which compiled specs hold a copy of this row."""
        tenant_id = self.audit_tenant_id()
        if tenant_id is None:
            return [Invalidation(scope="platform")]
        return [Invalidation(scope="tenant", id=str(tenant_id))]
