"""Which requests the management API lets through to a resource."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from contracts.errors import PermissionDenied
from tenants.rest.principals import principal_of
from tenants.roles import LABELS, TenantPermission


class MayReachResource(BasePermission):
    """The principal may do this with at least one tenant. Which rows those are is up to the resource's query."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """As above; views say what is needed in ``needed_permission()``."""
        principal = principal_of(request)
        needed: TenantPermission = view.needed_permission()
        if principal.tenants(needed) == frozenset():
            raise PermissionDenied(f"You may not {LABELS[needed]}.")
        return True


def visible(rows: QuerySet[Any], path: str, tenants: frozenset[uuid.UUID] | None) -> QuerySet[Any]:
    """The rows of these tenants, found along ``path`` (None: of all, and the platform's)."""
    return rows if tenants is None else rows.filter(**{f"{path}__in": tenants})


def require(request: Request, permission: TenantPermission, tenant_id: uuid.UUID | None) -> None:
    """Nothing, where the principal may do this with the tenant (None: with what belongs to the platform).

    Raises:
        PermissionDenied: it may not.
    """
    if not principal_of(request).may(permission, tenant_id):
        whose = "of the platform's" if tenant_id is None else "of this tenant's"
        raise PermissionDenied(f"You may not {LABELS[permission]}, not with what is {whose}.")
