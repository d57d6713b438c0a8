"""What changes users and groups. Passwords are never in the audit log: only that one was set."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from tenants.audit import AuditEntry
from tenants.changes import record
from tenants.models import User

Action = AuditEntry.Action

_AUDITED = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
_RIGHTS = ("groups", "user_permissions")


@transaction.atomic
def save_user(*, user: User) -> User:
    """Create or update the user; an update that changes nothing leaves no trace."""
    stored = None if user._state.adding else User.objects.select_for_update().filter(pk=user.pk).first()
    before, after = ({} if stored is None else _fields(stored)), _fields(user)
    user.save()
    if stored is None:
        record(user, Action.CREATED, name=user.username, before={}, after=after)
        return user
    changed = [name for name in after if after[name] != before[name]]
    before, after = {name: before[name] for name in changed}, {name: after[name] for name in changed}
    if stored.password != user.password:
        after |= {"password": "set again"}
    if after:
        record(user, Action.UPDATED, name=user.username, before=before, after=after)
    return user


@transaction.atomic
def delete_user(*, user: User) -> None:
    """Delete the user with their memberships. What they did stays in the audit log."""
    key, before = user.pk, {**_fields(user), **rights_of(user)}
    user.delete()
    user.pk = key
    record(user, Action.DELETED, name=user.username, before=before, after={})


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
