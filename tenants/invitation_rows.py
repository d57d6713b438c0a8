"""Invitations into a tenant: who was asked, into which role, by whom, until when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.invalidation import Invalidation
from tenants.roles import ROLE_CHOICES
from tenants.rows import ConfigRow


class Invitation(ConfigRow):
    """An address that was asked to join. The link in the mail is signed, not stored; this row says if it holds."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)
    invited_by = models.CharField(max_length=150, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        """One open invitation an address."""

        ordering = ("tenant", "-created_at")
        constraints = (
            models.UniqueConstraint(
                "tenant",
                Lower("email"),
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_open_once",
                violation_error_message="This address has an open invitation already.",
            ),
            models.CheckConstraint(
                name="invitation_role_known", condition=Q(role__in=[role for role, _label in ROLE_CHOICES])
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"

    def state(self, at: datetime | None = None) -> str:
        """``accepted``, ``withdrawn``, ``expired`` or ``open``."""
        if self.accepted_at is not None:
            return "accepted"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "open" if self.expires_at > (at or timezone.now()) else "expired"

    def invalidations(self) -> list[Invalidation]:
        """None: the data plane does not know people."""
        return []

    @classmethod
    def open_ones(cls, **criteria: Any) -> models.QuerySet[Invitation]:
        """Those that are neither accepted nor withdrawn; some may have expired."""
        return cls._base_manager.filter(accepted_at=None, withdrawn_at=None, **criteria)
