"""Rows of the gateway's pages. The data plane knows none of them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from tenants.models import Tenant
from tenants.rows import OfTenant, new_uuid7


class SavedView(models.Model):
    """Filters of the requests explorer that somebody saved under a name. Only they see it, in one workspace."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="+")
    """None: saved on the platform."""
    name = models.CharField(max_length=60)
    query = models.TextField(max_length=2_000)
    """The query string, without its question mark."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[SavedView]] = OfTenant.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant", "name"], name="saved_view_name", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name
