"""Keeps grants and groups in step, whatever way a membership is written and whatever apps are installed."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.db.models import Q, QuerySet
from django.db.models.signals import post_delete, post_migrate, post_save

from tenants.grants import TenantGrant
from tenants.models import Membership
from tenants.permissions import repair_drift, sync_grants
from tenants.roles import AUDITOR_GROUP, AUDITORS_MAY, OPERATOR_GROUP, OPERATORS_MAY, TenantPermission

_ACCOUNTS = ("auth", "guardian", "account", "mfa", "socialaccount", "sessions", "contenttypes", "admin")
"""Apps whose rows decide who may sign in and do what: superusers only."""

_EVERYTHING = frozenset(TenantPermission)


def connect() -> None:
    """Once per process, when the apps are loaded."""
    post_save.connect(_grant, sender=Membership, dispatch_uid="tenants.grant")
    post_delete.connect(_withdraw, sender=Membership, dispatch_uid="tenants.withdraw")
    post_migrate.connect(_fill_groups, dispatch_uid="tenants.fill_groups")


def _grant(instance: Membership, raw: bool = False, **_: Any) -> None:
    if not raw:
        sync_grants(user_id=instance.user_id, tenant_id=instance.tenant_id, role=instance.role)


def _withdraw(instance: Membership, **_: Any) -> None:
    sync_grants(user_id=instance.user_id, tenant_id=instance.tenant_id, role=None)


def _fill_groups(app_config: AppConfig, using: str, **_: Any) -> None:
    """Give the groups their permissions once all apps have theirs; what superusers added to them stays.

    The signal comes once per app, after each migration and in tests after each emptying of the database: all is done
    with the last.
    """
    if app_config is not [config for config in apps.get_app_configs() if config.models_module is not None][-1]:
        return
    if not {Group._meta.db_table, TenantGrant._meta.db_table} <= set(connections[using].introspection.table_names()):
        # Only some other app has been migrated.
        return
    ours = Permission.objects.exclude(content_type__app_label__in=_ACCOUNTS).exclude(
        content_type__app_label="tenants", content_type__model="tenantgrant"
    )
    of_tenants = Q(content_type__app_label="tenants", content_type__model="tenant")
    # Users are looked at by operators, and changed by superusers.
    people = Q(content_type__app_label="tenants", content_type__model="user") & ~Q(codename="view_user")
    _add(OPERATOR_GROUP, ours.exclude(people | of_tenants & Q(codename__in=_EVERYTHING - OPERATORS_MAY)))
    looking = Q(codename__startswith="view_") & ~(of_tenants & Q(codename__in=_EVERYTHING))
    _add(AUDITOR_GROUP, ours.filter(looking | of_tenants & Q(codename__in=AUDITORS_MAY)))
    repair_drift()


def _add(name: str, permissions: QuerySet[Permission]) -> None:
    group, _created = Group.objects.get_or_create(name=name)
    group.permissions.add(*permissions.values_list("pk", flat=True))
