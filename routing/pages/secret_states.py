"""Secret references in use and secrets that are stored: who uses each, and how its store answered last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from events.models import EventRecord
from routing.models import Provider
from tenants.models import Tenant
from tenants.secret_store import StoredSecret
from tenants.secrets.references import parse_reference
from tenants.workspaces import Workspace

PAST = timedelta(days=30)
MOST_EVENTS = 5_000
MOST_ROWS = 500

OUTCOMES = {
    "read": ("Read", "good"),
    "missing": ("Missing", "bad"),
    "unavailable": ("Unavailable", "warn"),
}
REASONS = {
    "first_use": "first use",
    "expired": "refreshed with age",
    "changed": "changed here",
    "refused": "the provider refused it",
    "checked": "checked by a person",
}


@dataclass(frozen=True, slots=True)
class Access:
    """One time that a credential was fetched from its store, or could not be."""

    at: datetime
    outcome: str
    reason: str

    @property
    def words(self) -> str:
        """Why it was fetched."""
        return REASONS.get(self.reason, self.reason)

    @property
    def label(self) -> str:
        """The outcome in a word."""
        return OUTCOMES.get(self.outcome, (self.outcome, ""))[0]

    @property
    def tone(self) -> str:
        """Of its badge."""
        return OUTCOMES.get(self.outcome, ("", "neutral"))[1]


@dataclass(slots=True)
class SecretRow:
    """A reference of one owner, stored here or elsewhere."""

    reference: str
    scheme: str
    tenant: Tenant | None
    stored: StoredSecret | None = None
    providers: list[Provider] = field(default_factory=list)
    last: Access | None = None
    last_failure: Access | None = None

    @property
    def state(self) -> tuple[str, str, str]:
        """Word, tone and explanation."""
        if self.scheme == "db" and self.stored is None:
            return "Not stored", "bad", "Providers refer to it, and there is none. Their calls go without a credential."
        if self.last is not None and self.last.outcome != "read":
            return self.last.label, self.last.tone, "The last time it was asked for, it could not be had."
        if not self.providers:
            return "Not used", "neutral", "No provider refers to it."
        if self.last is None:
            return "Not asked yet", "neutral", "No gateway has needed it in the last 30 days."
        return "Resolves", "good", "The last time it was asked for, it was there."


@dataclass(frozen=True, slots=True)
class Store:
    """A kind of place where credentials are kept."""

    scheme: str
    label: str
    icon: str
    configured: bool
    hint: str
    references: int
    last: Access | None


def secret_rows(workspace: Workspace) -> list[SecretRow]:
    """Every reference of the workspace, those in trouble first; at most :data:`MOST_ROWS`."""
    found: dict[tuple[str, str], SecretRow] = {}
    stored = workspace.scope(StoredSecret.objects.select_related("tenant").defer("ciphertext"))
    for secret in stored.order_by("name")[:MOST_ROWS]:
        found[_key(secret.tenant, secret.reference)] = SecretRow(secret.reference, "db", secret.tenant, secret)
    used = workspace.scope(Provider.objects.exclude(secret_ref="").select_related("tenant"))
    for provider in used.order_by("name")[: MOST_ROWS * 4]:
        key = _key(provider.tenant, provider.secret_ref)
        if key not in found:
            found[key] = SecretRow(provider.secret_ref, _scheme(provider.secret_ref), provider.tenant)
        found[key].providers.append(provider)
    accesses = _accesses(workspace)
    for key, row in found.items():
        row.last, row.last_failure = accesses.get(key, (None, None))
    return sorted(found.values(), key=lambda row: (_RANK.get(row.state[1], 3), row.reference))[:MOST_ROWS]


_RANK = {"bad": 0, "warn": 1}


def stores(rows: list[SecretRow]) -> list[Store]:
    """The kinds of stores that this installation knows, with how each answered last."""
    kinds = (
        ("db", "Stored here", "database", True, "Encrypted in Breakwater's own database."),
        (
            "env",
            "Environment",
            "terminal-2",
            True,
            "Variables of the gateway's processes, as they were when it started.",
        ),
        (
            "vault",
            "HashiCorp Vault",
            "shield-lock",
            bool(settings.VAULT_ADDR),
            "Set VAULT_ADDR and a token or AppRole.",
        ),
        (
            "aws",
            "AWS Secrets Manager",
            "server",
            bool(settings.AWS_REGION),
            "Set AWS_REGION; the role comes from AWS' own chain.",
        ),
        (
            "azure",
            "Azure Key Vault",
            "key",
            any(row.scheme == "azure" for row in rows),
            "The identity comes from Azure's own chain.",
        ),
    )
    found = []
    for scheme, label, icon, configured, hint in kinds:
        own = [row for row in rows if row.scheme == scheme]
        last = max((row.last for row in own if row.last is not None), key=lambda access: access.at, default=None)
        found.append(Store(scheme, label, icon, configured, hint, len(own), last))
    return found


def _accesses(workspace: Workspace) -> Mapping[tuple[str, str], tuple[Access, Access | None]]:
    rows = EventRecord.objects.filter(event_type="secret.value.accessed", occurred_at__gte=timezone.now() - PAST)
    if workspace.tenant is not None:
        rows = rows.filter(tenant_id=str(workspace.tenant.pk))
    found: dict[tuple[str, str], tuple[Access, Access | None]] = {}
    latest = rows.order_by("-occurred_at").values_list("occurred_at", "tenant_id", "payload")[:MOST_EVENTS]
    for at, tenant_id, payload in latest:
        key, access = (tenant_id, payload.get("reference", "")), _access(at, payload)
        last, failure = found.get(key, (access, None))
        found[key] = last, failure or (access if access.outcome != "read" else None)
    return found


def _access(at: datetime, payload: Mapping[str, Any]) -> Access:
    return Access(at, str(payload.get("outcome", "")), str(payload.get("reason", "")))


def _key(tenant: Tenant | None, reference: str) -> tuple[str, str]:
    return ("" if tenant is None else str(tenant.pk), reference)


def _scheme(reference: str) -> str:
    try:
        return parse_reference(reference).scheme
    except ValueError:
        return ""
