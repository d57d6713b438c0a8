"""Thousands of further API keys, for pages that have to stay fast with them: set-based, with the same audit entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

from controlplane.demo.configuration import MadeTenant
from controlplane.demo.past import Past
from tenants.audit import AuditEntry
from tenants.changes import snapshot
from tenants.key_lifecycle import issue
from tenants.keys import new_key
from tenants.models import ApiKey
from tenants.services import ALL_SCOPES

_APPS = ("checkout", "search", "mailer", "crm", "reports", "mobile", "kiosk", "intranet", "etl", "chat")
_STAGES = ("production", "staging", "development")


def add_keys(
    past: Past, tenants: Sequence[MadeTenant], count: int, rng: Random, *, since: datetime, until: datetime
) -> None:
    """So many keys, most of them of the first tenant; some have expired."""
    owners = rng.choices(tenants, [20, *([1] * (len(tenants) - 1))], k=count)
    for tenant in tenants:
        mine = owners.count(tenant)
        who = tenant.people["admin"][0].username
        with past.at(since, who, "203.0.113.70"):
            rows = [_key(tenant, number, rng, until) for number in range(mine)]
            ApiKey.objects.bulk_create(rows, batch_size=1_000)
            AuditEntry.objects.bulk_create([_entry(row, who) for row in rows], batch_size=1_000)


def _key(tenant: MadeTenant, number: int, rng: Random, until: datetime) -> ApiKey:
    row = ApiKey(
        tenant=tenant.row,
        team=rng.choice(list(tenant.teams.values())),
        name=f"{rng.choice(_APPS)}-{number:05d}, {rng.choice(_STAGES)}",
        scopes=list(ALL_SCOPES),
        expires_at=until if rng.random() < 0.1 else None,
    )
    issue(row, new_key())
    return row


def _entry(row: ApiKey, who: str) -> AuditEntry:
    return AuditEntry(
        actor=who,
        source_ip="203.0.113.70",
        action=AuditEntry.Action.CREATED,
        object_type="apikey",
        object_id=str(row.pk),
        object_name=row.audit_name(),
        tenant_ref=str(row.tenant_id),
        after=snapshot(row),
    )
