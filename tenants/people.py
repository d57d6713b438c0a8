"""What changes users and groups. Passwords are never in the audit log: only that one was set."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db import transaction

from contracts.events import EventContext, SecondFactorChanged
from contracts.tenant_scope import across_tenants
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.changes import record
from tenants.emitting import emit
from tenants.models import Membership, User

Action = AuditEntry.Action

_AUDITED = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
_RIGHTS = ("groups", "user_permissions")


@transaction.atomic
def save_user(*, user: User) -> User:
    """Create or update the user; an update that changes nothing leaves no trace."""
    user.email = user.email.lower()  # as it is stored
    stored = None if user._state.adding else User.objects.select_for_update().filter(pk=user.pk).first()
    before, after = ({} if stored is None else _fields(stored)), _fields(user)
    user.save()
    if stored is None:
        note_new_user(user=user)
        return user
    changed = [name for name in after if after[name] != before[name]]
    before, after = {name: before[name] for name in changed}, {name: after[name] for name in changed}
    if stored.password != user.password:
        after |= {"password": "set again"}
    if after:
        record(user, Action.UPDATED, name=user.username, before=before, after=after)
    return user


def note_new_user(*, user: User) -> None:
    """Audit a user whom somebody else's code has just stored; call in the transaction that stored them."""
    record(user, Action.CREATED, name=user.username, before={}, after=_fields(user))


@transaction.atomic
def delete_user(*, user: User) -> None:
    """Delete the user with their memberships. What they did stays in the audit log.

    Raises:
        ValidationError: they are the last owner of a tenant.
    """
    with across_tenants("the tenants that this person owns, wherever"):
        for membership in Membership.objects.filter(user=user, role=Membership.Role.OWNER):
            membership.require_another_owner()
    key, before = user.pk, {**_fields(user), **rights_of(user)}
    user.delete()
    user.pk = key
    record(user, Action.DELETED, name=user.username, before=before, after={})


@transaction.atomic
def remove_second_factors(*, user: User) -> bool:
    """Let the user sign in with the password alone, because what they had is lost; whether there was anything."""
    factors = Authenticator.objects.select_for_update().filter(user=user)
    kinds = sorted(str(kind) for kind in factors.values_list("type", flat=True))
    if not kinds:
        return False
    factors.delete()
    record(user, Action.UPDATED, name=user.username, before={"second_factors": kinds}, after={"second_factors": []})
    actor = current_actor()
    event = SecondFactorChanged(user=user.username, ip=actor.ip, factor=", ".join(kinds), change="removed")
    transaction.on_commit(lambda: emit(event, EventContext()), robust=True)
    return True


def rights_of(user: User) -> dict[str, list[str]]:
    """Groups and single permissions by name."""
    return {name: sorted(str(row) for row in getattr(user, name).all()) for name in _RIGHTS}


def note_rights(*, user: User, before: dict[str, list[str]]) -> None:
    """Audit that groups or permissions are no longer what they were; call in the transaction that changed them."""
    after = rights_of(user)
    changed = [name for name in _RIGHTS if after[name] != before.get(name, [])]
    if changed:
        record(
            user,
            Action.UPDATED,
            name=user.username,
            before={name: before.get(name, []) for name in changed},
            after={name: after[name] for name in changed},
        )


def permissions_of(group: Group) -> list[str]:
    """The group's permissions by name."""
    return sorted(str(permission) for permission in group.permissions.all())


def note_group(*, group: Group, before: list[str] | None) -> None:
    """Audit a new group (``before`` is None) or its changed permissions; call in the transaction that changed them."""
    after = permissions_of(group)
    if before is None:
        record(group, Action.CREATED, name=group.name, before={}, after={"name": group.name, "permissions": after})
    elif after != before:
        record(group, Action.UPDATED, name=group.name, before={"permissions": before}, after={"permissions": after})


@transaction.atomic
def delete_group(*, group: Group) -> None:
    """Delete the group; its members lose its permissions."""
    key, before = group.pk, {"name": group.name, "permissions": permissions_of(group)}
    group.delete()
    group.pk = key
    record(group, Action.DELETED, name=group.name, before=before, after={})


def _fields(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in _AUDITED}
