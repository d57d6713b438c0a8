"""Who asks the management API, and with which tenants they may do what: people at the console, programs with keys."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import Any, Protocol

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from contracts.errors import PermissionDenied
from contracts.tenant_scope import across_tenants
from tenants.models import Membership, Tenant, User
from tenants.permissions import can, require_role_change, tenants_of
from tenants.roles import OPERATORS_MAY, READING_KEYS_MAY, TenantPermission, role_permissions
from tenants.service_keys import ServicePrincipal


class Principal(Protocol):
    """Who asks. ``None`` for a tenant stands for the platform: what belongs to no tenant."""

    @property
    def id(self) -> str:
        """Unique among people and programs, and never used twice."""

    def tenants(self, permission: TenantPermission) -> frozenset[uuid.UUID] | None:
        """The tenants with which this is allowed; None: all of them, and the platform."""

    def may(self, permission: TenantPermission, tenant_id: uuid.UUID | None) -> bool:
        """Whether this is allowed with the tenant."""

    @property
    def of_platform(self) -> bool:
        """Whether the principal works for the platform instead of for tenants of it."""

    def require_role_change(self, tenant: Tenant, *, to: str | None, current: str | None) -> None:
        """Nothing, where the principal may give the role ``to`` (None: none) to one who has ``current`` (None: none).

        Raises:
            PermissionDenied: it may not.
        """


class ServiceAccount:
    """A program with a service key, in the shape that Django and DRF expect a user to have.

    A tenant's key with scope ``manage`` may what the tenant's admins may, the platform's what operators may; with
    ``manage:read`` both may what auditors may, and see which documents there are, of those. Not what owners may: admins
    hand out keys, and would rise above themselves with one.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True

    def __init__(self, key: ServicePrincipal) -> None:
        self._key = key
        rights = OPERATORS_MAY if key.of_platform else role_permissions(Membership.Role.ADMIN)
        self._rights = rights if key.may_write else rights & READING_KEYS_MAY

    @property
    def id(self) -> str:
        """Of the key, not of its name."""
        return f"service-key:{self._key.key_id}"

    @property
    def pk(self) -> str:
        """The same, where a user's key is asked for."""
        return self.id

    def get_username(self) -> str:
        """How the audit log names the program."""
        return self._key.actor_name

    def tenants(self, permission: TenantPermission) -> frozenset[uuid.UUID] | None:
        """The key's own, or all."""
        if permission not in self._rights:
            return frozenset()
        return None if self._key.tenant_id is None else frozenset({self._key.tenant_id})

    def may(self, permission: TenantPermission, tenant_id: uuid.UUID | None) -> bool:
        """Whether the key reaches the tenant and its scope the permission."""
        reached = self._key.of_platform if tenant_id is None else self._key.may_manage(tenant_id)
        return reached and permission in self._rights

    @property
    def of_platform(self) -> bool:
        """Whether the key is the platform's."""
        return self._key.of_platform

    def require_role_change(self, tenant: Tenant, *, to: str | None, current: str | None) -> None:
        """Owners are made and removed by the platform's keys only."""
        if Membership.Role.OWNER in (to, current) and not self._key.of_platform:
            raise PermissionDenied("Only owners and the platform make and remove owners.")


class Person:
    """Somebody who is signed in to the console."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._tenants: dict[TenantPermission, frozenset[uuid.UUID]] = {}

    @property
    def id(self) -> str:
        """Of the user's row."""
        return f"user:{self._user.pk}"

    def tenants(self, permission: TenantPermission) -> frozenset[uuid.UUID] | None:
        """Those of the user's memberships whose role allows it; all for staff of the platform that may."""
        if self._everywhere(permission):
            return None
        if permission not in self._tenants:
            with across_tenants("which tenants are the user's is what the query finds out"):
                self._tenants[permission] = frozenset(tenants_of(self._user, permission).values_list("pk", flat=True))
        return self._tenants[permission]

    def may(self, permission: TenantPermission, tenant_id: uuid.UUID | None) -> bool:
        """Whether the user may, as a member or as staff of the platform."""
        if tenant_id is None:
            return self._everywhere(permission)
        return can(self._user, permission, Tenant(pk=tenant_id))

    @cached_property
    def of_platform(self) -> bool:
        """Whether the user sees every tenant."""
        return self._everywhere(TenantPermission.VIEW_TENANT)

    def require_role_change(self, tenant: Tenant, *, to: str | None, current: str | None) -> None:
        """As everywhere in the console."""
        require_role_change(self._user, tenant, to=to, current=current)

    def _everywhere(self, permission: TenantPermission) -> bool:
        return self._user.is_active and self._user.has_perm(f"tenants.{permission}")


def principal_of(request: Request) -> Principal:
    """Who sent this request.

    Raises:
        NotAuthenticated: nobody that we know.
    """
    user: Any = request.user
    if isinstance(user, ServiceAccount):
        return user
    if not isinstance(user, User):
        raise NotAuthenticated
    # Asked often in one request; the answers of a person's permissions are kept with it.
    person = getattr(request, "_breakwater_person", None)
    if not isinstance(person, Person):
        person = Person(user)
        request._breakwater_person = person  # type: ignore[attr-defined]
    return person
