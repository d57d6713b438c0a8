"""What rows of this app have in common: a tenant's, or the platform's, whose rules look at all tenants together."""

from __future__ import annotations

from typing import Any

from django.db import models

from events.traffic.measures import PLATFORM
from tenants.rows import ConfigRow, OfTenantOrPlatform


class Severity(models.TextChoices):
    """How bad it is."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


RANKS = {Severity.INFO.value: 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}


def owner(related_name: str) -> Any:
    """The tenant; empty: the platform's."""
    return models.ForeignKey(
        "tenants.Tenant",
        models.CASCADE,
        related_name=related_name,
        null=True,
        blank=True,
        help_text="Empty: the platform's, over all tenants together.",
    )


class OwnedRow(ConfigRow):
    """Configuration of this app: audited like all, and compiled into nothing."""

    tenant_id: Any

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """No table of its own."""

        abstract = True

    @property
    def scope(self) -> str:
        """In the tables of traffic."""
        return PLATFORM if self.tenant_id is None else str(self.tenant_id)

    def invalidations(self) -> list[Any]:
        """None: gateways hold no copy."""
        return []
