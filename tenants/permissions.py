"""Who may do what with a tenant and with everything it owns.

The table is in :mod:`tenants.roles`. A membership's role is kept as django-guardian object permissions on the tenant,
written by :func:`sync_grants` in the transaction that changes the membership, so every question here is one look at
an index.

Ask :func:`can`, :func:`require` and :func:`tenants_of`; in views :func:`tenant_for` or :mod:`tenants.scoping`, which
answer 404 for a tenant that the user may not even see, so that nobody learns which tenants exist.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from guardian.core import ObjectPermissionChecker

from contracts.tenant_scope import across_tenants
from tenants.grants import TenantGrant
from tenants.models import Membership, Tenant, User
from tenants.roles import LABELS, TenantPermission, role_permissions

__all__ = [
    "Drift",
    "TenantPermission",
    "can",
    "find_drift",
    "repair_drift",
    "require",
    "require_role_change",
    "role_permissions",
    "sync_grants",
    "tenant_for",
    "tenants_of",
]

Person = User | AnonymousUser


def can(user: Person, permission: str, tenant: Tenant) -> bool:
    """Whether the user may do this with the tenant: as a member, or with every tenant as staff of the platform.

    A disabled user may nothing; nor may anybody who is not signed in.

    Raises:
        ValueError: there is no such permission.
    """
    name = f"tenants.{TenantPermission(permission)}"
    return user.is_active and (user.has_perm(name) or user.has_perm(name, tenant))


def permitted(user: Person, tenant: Tenant) -> frozenset[TenantPermission]:
    """Everything that :func:`can` allows the user with the tenant, found out at once."""
    if not user.is_active:
        return frozenset()
    everywhere = frozenset(one for one in TenantPermission if user.has_perm(f"tenants.{one}"))
    if len(everywhere) == len(TenantPermission):
        return everywhere
    here = set(ObjectPermissionChecker(user).get_perms(tenant))
    return everywhere | frozenset(one for one in TenantPermission if one.value in here)


def tenants_of(user: Person, permission: str = TenantPermission.VIEW_TENANT) -> QuerySet[Tenant]:
    """The tenants with which the user may do this; the start of every query that lists what tenants own.

    Raises:
        ValueError: there is no such permission.
    """
    codename = TenantPermission(permission)
    if not user.is_active:
        return Tenant.objects.none()
    if user.has_perm(f"tenants.{codename}"):
        return Tenant.objects.all()
    return Tenant.objects.filter(
        pk__in=TenantGrant.objects.filter(
            user_id=user.pk, permission__codename=codename, permission__content_type=_tenant_type()
        ).values("content_object_id")
    )


def require(user: Person, permission: str, tenant: Tenant) -> None:
    """Nothing, where the user may do this.

    Raises:
        PermissionDenied: they may not.
        ValueError: there is no such permission.
    """
    if not can(user, permission, tenant):
        raise PermissionDenied(f"You may not {LABELS[TenantPermission(permission)]} here.")


def require_role_change(by: Person, tenant: Tenant, *, to: str | None, current: str | None = None) -> None:
    """Nothing, where ``by`` may give the role ``to`` (None: no role) to somebody who has ``current`` (None: no member).

    Members are managed by who may manage members, but owners by owners and operators only: an admin rises above
    themselves neither directly nor through a second account.

    Raises:
        PermissionDenied: they may not.
    """
    require(by, TenantPermission.MANAGE_MEMBERS, tenant)
    if Membership.Role.OWNER not in (to, current) or by.has_perm(f"tenants.{TenantPermission.MANAGE_MEMBERS}"):
        return
    if not Membership.objects.for_tenant(tenant).filter(user_id=by.pk, role=Membership.Role.OWNER).exists():
        raise PermissionDenied("Only owners make and remove owners.")


def tenant_for(user: Person, permission: str, reference: str | uuid.UUID) -> Tenant:
    """The tenant of this slug or id, with which the user may do this.

    Raises:
        Http404: there is none, or the user may not see it: the two cannot be told apart.
        PermissionDenied: the user may see it, but not do this.
        ValueError: there is no such permission.
    """
    with across_tenants("whether the tenant is one of the user's is what the query finds out"):
        found = tenants_of(user).filter(**_by(reference)).first()
    if found is None:
        raise Http404("There is no such tenant.")
    if TenantPermission(permission) is not TenantPermission.VIEW_TENANT:  # The query has asked for that.
        require(user, permission, found)
    return found


def _by(reference: str | uuid.UUID) -> dict[str, object]:
    if isinstance(reference, uuid.UUID):
        return {"pk": reference}
    try:
        return {"pk": uuid.UUID(reference)} if len(reference) == 36 else {"slug": reference}
    except ValueError:
        return {"slug": reference}


# --- keeping the grants what the memberships say -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drift:
    """A user's grants on a tenant that are not those of their role."""

    user: str
    tenant: str
    role: str
    """Empty: the user is no member."""
    missing: tuple[str, ...]
    surplus: tuple[str, ...]


def sync_grants(*, user_id: int, tenant_id: uuid.UUID, role: str | None) -> None:
    """Make the user's grants on the tenant those of the role; none where ``role`` is None.

    Raises:
        ImproperlyConfigured: the permissions are not in the database; ``manage.py migrate`` puts them there.
    """
    wanted = frozenset[str]() if role is None else role_permissions(role)
    with transaction.atomic():
        mine = TenantGrant.objects.filter(user_id=user_id, content_object_id=tenant_id)
        held = set(mine.values_list("permission__codename", flat=True))
        if held - wanted:
            mine.exclude(permission__codename__in=wanted).delete()
        if wanted - held:
            TenantGrant.objects.bulk_create(
                [
                    TenantGrant(user_id=user_id, content_object_id=tenant_id, permission_id=permission_id)
                    for permission_id in _permission_ids(wanted - held)
                ],
                ignore_conflicts=True,
            )


def _permission_ids(codenames: Iterable[str]) -> list[int]:
    names = set(codenames)
    found = Permission.objects.filter(content_type=_tenant_type(), codename__in=names).values_list("pk", flat=True)
    if len(found) != len(names):
        raise ImproperlyConfigured("Permissions of tenants are missing in the database: run 'manage.py migrate'.")
    return list(found)


def _tenant_type() -> ContentType:
    return ContentType.objects.get_for_model(Tenant)


@across_tenants("grants of everybody are compared with their roles")
def find_drift() -> list[Drift]:
    """Every user and tenant whose grants differ from the role, by tenant and user."""
    roles = {
        (user_id, tenant_id): role
        for user_id, tenant_id, role in Membership.objects.values_list("user_id", "tenant_id", "role")
    }
    held: dict[tuple[int, uuid.UUID], set[str]] = {}
    for user_id, tenant_id, codename in TenantGrant.objects.values_list(
        "user_id", "content_object_id", "permission__codename"
    ):
        held.setdefault((user_id, tenant_id), set()).add(codename)
    wrong = {
        pair: (wanted - has, has - wanted)
        for pair in roles.keys() | held.keys()
        if (wanted := set[str](role_permissions(roles.get(pair, "")))) != (has := held.get(pair, set()))
    }
    users = dict(User.objects.filter(pk__in={user for user, _ in wrong}).values_list("pk", "username"))
    tenants = dict(Tenant.objects.filter(pk__in={tenant for _, tenant in wrong}).values_list("pk", "slug"))
    found = [
        Drift(
            user=users[user_id],
            tenant=tenants[tenant_id],
            role=roles.get((user_id, tenant_id), ""),
            missing=tuple(sorted(missing)),
            surplus=tuple(sorted(surplus)),
        )
        for (user_id, tenant_id), (missing, surplus) in wrong.items()
    ]
    return sorted(found, key=lambda drift: (drift.tenant, drift.user))


@transaction.atomic
def repair_drift() -> list[Drift]:
    """Make all grants what the memberships say; returns what was wrong."""
    drifts = find_drift()
    for drift in drifts:
        user = User.objects.get(username=drift.user)
        tenant = Tenant.objects.get(slug=drift.tenant)
        sync_grants(user_id=user.pk, tenant_id=tenant.pk, role=drift.role or None)
    return drifts
