"""The table of service keys: credentials of programs that manage Breakwater, as API keys are of those that call it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.invalidation import Invalidation
from tenants.issued_keys import KEY_HASH_SHAPE, IssuedKey, usable_at
from tenants.keys import ServiceScope


class ServiceKeySet(models.QuerySet[Any]):
    """Queries over service keys."""

    def for_tenant(self, tenant_id: uuid.UUID) -> Self:
        """Those of this tenant only."""
        return self.filter(tenant_id=tenant_id)

    def usable(self, at: datetime) -> Self:
        """Neither revoked nor expired at this instant."""
        return self.filter(usable_at(at))

    def of_platform(self) -> Self:
        """Those that manage the whole installation."""
        return self.filter(tenant=None)


class ServiceKey(IssuedKey):
    """A credential for the management API, of one tenant or (without one) of the whole installation."""

    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.CASCADE,
        related_name="service_keys",
        null=True,
        blank=True,
        help_text="Empty: the key manages the whole installation.",
    )
    scopes = ArrayField(
        models.CharField(max_length=16, choices=[(scope.value, scope.value) for scope in ServiceScope]),
        default=list,
        help_text="'manage' may change everything the key sees, 'manage:read' may look at it.",
    )

    objects = ServiceKeySet.as_manager()

    class Meta:
        """Newest first within a tenant."""

        verbose_name = "service key"
        ordering = ("tenant", "-created_at")
        constraints = (
            models.CheckConstraint(name="service_key_hash_is_sha256_hex", condition=Q(key_hash__regex=KEY_HASH_SHAPE)),
            models.CheckConstraint(
                name="service_key_has_known_scopes",
                condition=Q(scopes__contained_by=[scope.value for scope in ServiceScope], scopes__len__gt=0),
                violation_error_message="Give the key at least one scope, of the known ones.",
            ),
        )

    def invalidations(self) -> list[Invalidation]:
        """None: the data plane does not know service keys; each request asks the database."""
        return []
