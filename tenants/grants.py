"""Which user holds which permission on which tenant: django-guardian's table for tenants.

A table of its own instead of guardian's generic one: real foreign keys, so that grants go with their tenant and
their user, and an index that answers "on which tenants?" without casts.
"""

from __future__ import annotations

from django.db import models
from guardian.models import UserObjectPermissionBase


class TenantGrant(UserObjectPermissionBase):
    """One permission of one user on one tenant; written by :mod:`tenants.permissions` from memberships only."""

    content_object = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="grants")

    class Meta(UserObjectPermissionBase.Meta):
        """One row a permission."""

        abstract = False
        indexes = (models.Index(fields=["content_object", "user"], name="tenant_grant_by_tenant"),)
