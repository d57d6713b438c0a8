"""Takes away exactly what the demo made, and says so in the audit log, which itself stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import transaction

from contracts.tenant_scope import across_tenants
from controlplane.demo.writing import ENVIRONMENT, SPOOL_PREFIX
from events.traffic.upkeep import remove_tenants
from guardrails.models import Policy
from guardrails.services import delete_policy
from routing.models import Provider, Route
from routing.services import delete_provider, delete_route
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.models import StoredSecret, Tenant, User
from tenants.people import delete_user
from tenants.secret_services import delete_secret
from tenants.services import delete_tenant

OBJECT_TYPE = "demo"
_BY_TENANT = (
    "events_run",
    "events_usage_rollup",
    "events_usage_by_user",
    "events_usage_by_tag",
    "events_usage_margin",
    "events_usage_series",
    "events_usage_tag",
)


def note_made(ids: dict[str, list[str]], **details: Any) -> None:
    """Remember in the audit log what the demo consists of; call it in the transaction that makes it."""
    note(AuditEntry.Action.CREATED, object_type=OBJECT_TYPE, object_name="demo data", details={**details, **ids})


def present() -> dict[str, Any] | None:
    """What :func:`note_made` told of the demo that is there; None when there is none."""
    with across_tenants("what the demo made is noted under no tenant"):
        newest = AuditEntry.objects.filter(object_type=OBJECT_TYPE, tenant_ref="").order_by("-id").first()
    if newest is None or newest.action != AuditEntry.Action.CREATED:
        return None
    return dict(newest.after)


def remove(conninfo: str, made: dict[str, Any]) -> None:
    """Delete its rows, then what happened to them. Doing it again changes nothing."""
    with across_tenants("the demo's tenants and the people in them"), transaction.atomic():
        tenants = list(Tenant.objects.filter(pk__in=made["tenants"]))
        for route in Route.objects.filter(tenant__in=tenants):
            delete_route(route=route)
        for tenant in tenants:
            delete_tenant(tenant=tenant)
        for policy in Policy.objects.filter(pk__in=made.get("policies", [])):
            delete_policy(policy=policy)
        for user in User.objects.filter(pk__in=made["users"]):
            delete_user(user=user)
        for provider in Provider.objects.filter(pk__in=made["providers"]):
            delete_provider(provider=provider)
        for secret in StoredSecret.objects.filter(pk__in=made["secrets"]):
            delete_secret(secret=secret)
        note(AuditEntry.Action.DELETED, object_type=OBJECT_TYPE, object_name="demo data")
    remove_happened(conninfo, made["tenants"])


def remove_happened(conninfo: str, tenant_ids: Sequence[str]) -> None:
    """Delete the tenants' events, runs, ledger and rollups. Commits by itself, on a connection of its own."""
    ids = list(tenant_ids)
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "DELETE FROM events_event WHERE tenant_id = ANY(%s) OR (env = %s AND tenant_id = '')", [ids, ENVIRONMENT]
        )
        connection.execute("SET LOCAL breakwater.ledger = 'purge'")
        connection.execute("DELETE FROM events_usage WHERE tenant_id = ANY(%s)", [ids])
        connection.execute("SET LOCAL breakwater.ledger = ''")
        for table in _BY_TENANT:
            connection.execute(f"DELETE FROM {table} WHERE tenant_id = ANY(%s)", [ids])  # noqa: S608 - constants
        remove_tenants(connection, ids)
        connection.execute("DELETE FROM events_spoolposition WHERE spool_id LIKE %s", [f"{SPOOL_PREFIX}%"])
