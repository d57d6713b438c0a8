"""The table of roles: what members of a tenant, operators and auditors may do.

Pure data, so that the models can declare the permissions; questions are asked of :mod:`tenants.permissions`.
"""

from __future__ import annotations

from enum import StrEnum

ROLE_CHOICES = (
    ("owner", "Owner"),
    ("admin", "Admin"),
    ("developer", "Developer"),
    ("viewer", "Viewer"),
    ("billing", "Billing"),
)
"""Roles of members, from all to least."""

OPERATOR_GROUP = "operator"
AUDITOR_GROUP = "auditor"


class TenantPermission(StrEnum):
    """Everything that can be allowed on a tenant. The value is the codename of Django's permission."""

    VIEW_TENANT = "view_tenant"
    CHANGE_SETTINGS = "change_settings"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_TEAMS = "manage_teams"
    MANAGE_KEYS = "manage_keys"
    MANAGE_SECRETS = "manage_secrets"
    MANAGE_ROUTES = "manage_routes"
    MANAGE_GUARDRAILS = "manage_guardrails"
    MANAGE_EVALUATIONS = "manage_evaluations"
    MANAGE_ALERTS = "manage_alerts"
    MANAGE_DOCUMENTS = "manage_documents"
    VIEW_DOCUMENTS = "view_documents"
    MANAGE_LIMITS = "manage_limits"
    MANAGE_BUDGETS = "manage_budgets"
    MANAGE_PRICES = "manage_prices"
    VIEW_USAGE = "view_usage"
    VIEW_COSTS = "view_costs"
    VIEW_RUNS = "view_runs"
    VIEW_PAYLOADS = "view_payloads"
    VIEW_AUDIT = "view_audit"
    EXPORT_AUDIT = "export_audit"
    ERASE_USER_DATA = "erase_user_data"


_P = TenantPermission
_OWNER, _ADMIN, _DEVELOPER, _VIEWER, _BILLING = "owner", "admin", "developer", "viewer", "billing"

ROLES: dict[TenantPermission, frozenset[str]] = {
    _P.VIEW_TENANT: frozenset({_OWNER, _ADMIN, _DEVELOPER, _VIEWER, _BILLING}),
    _P.CHANGE_SETTINGS: frozenset({_OWNER, _ADMIN}),
    _P.MANAGE_MEMBERS: frozenset({_OWNER, _ADMIN}),
    _P.MANAGE_TEAMS: frozenset({_OWNER, _ADMIN}),
    _P.MANAGE_KEYS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.MANAGE_SECRETS: frozenset({_OWNER, _ADMIN}),
    _P.MANAGE_ROUTES: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.MANAGE_GUARDRAILS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.MANAGE_EVALUATIONS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.MANAGE_ALERTS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.MANAGE_DOCUMENTS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    # Every document, whatever its access tags: those narrow what keys find.
    _P.VIEW_DOCUMENTS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.MANAGE_LIMITS: frozenset({_OWNER, _ADMIN}),
    _P.MANAGE_BUDGETS: frozenset({_OWNER, _ADMIN, _BILLING}),
    # A tenant's own prices decide what its budgets count: only operators set them.
    _P.MANAGE_PRICES: frozenset(),
    _P.VIEW_USAGE: frozenset({_OWNER, _ADMIN, _DEVELOPER, _VIEWER, _BILLING}),
    _P.VIEW_COSTS: frozenset({_OWNER, _ADMIN, _DEVELOPER, _BILLING}),
    _P.VIEW_RUNS: frozenset({_OWNER, _ADMIN, _DEVELOPER, _VIEWER}),
    _P.VIEW_PAYLOADS: frozenset({_OWNER, _ADMIN, _DEVELOPER}),
    _P.VIEW_AUDIT: frozenset({_OWNER, _ADMIN}),
    _P.EXPORT_AUDIT: frozenset({_OWNER, _ADMIN}),
    _P.ERASE_USER_DATA: frozenset({_OWNER, _ADMIN}),
}
"""Permission → the roles of members that have it."""

OPERATORS_MAY: frozenset[TenantPermission] = frozenset(TenantPermission)
"""On every tenant, through the group ``operator``. Superusers may everything without it."""

AUDITORS_MAY: frozenset[TenantPermission] = frozenset(
    {_P.VIEW_TENANT, _P.VIEW_USAGE, _P.VIEW_COSTS, _P.VIEW_RUNS, _P.VIEW_AUDIT, _P.EXPORT_AUDIT}
)
"""On every tenant, through the group ``auditor``: configuration and figures, never what users wrote."""

READING_KEYS_MAY: frozenset[TenantPermission] = AUDITORS_MAY | {_P.VIEW_DOCUMENTS}
"""Service keys with the scope ``manage:read``. The management API tells what documents there are, not what they say."""

LABELS: dict[TenantPermission, str] = {
    _P.VIEW_TENANT: "see the tenant and its configuration",
    _P.CHANGE_SETTINGS: "change the tenant's settings",
    _P.MANAGE_MEMBERS: "invite members, change their roles, remove them",
    _P.MANAGE_TEAMS: "create, rename and delete teams",
    _P.MANAGE_KEYS: "create, rotate and revoke API keys",
    _P.MANAGE_SECRETS: "store and replace provider credentials",
    _P.MANAGE_ROUTES: "change the tenant's own routes and models",
    _P.MANAGE_GUARDRAILS: "change guardrail policies",
    _P.MANAGE_EVALUATIONS: "change golden sets and run evaluations",
    _P.MANAGE_ALERTS: "change alerts and objectives, look after incidents",
    _P.MANAGE_DOCUMENTS: "change collections, add and delete documents",
    _P.VIEW_DOCUMENTS: "read documents and search them",
    _P.MANAGE_LIMITS: "change rate limits",
    _P.MANAGE_BUDGETS: "change budgets",
    _P.MANAGE_PRICES: "set prices that differ from the catalogue",
    _P.VIEW_USAGE: "see calls and tokens",
    _P.VIEW_COSTS: "see costs and statements",
    _P.VIEW_RUNS: "see single calls",
    _P.VIEW_PAYLOADS: "read stored prompts and answers",
    _P.VIEW_AUDIT: "read the audit log",
    _P.EXPORT_AUDIT: "export the audit log",
    _P.ERASE_USER_DATA: "erase one end user's data",
}
"""What each permission means, in the words of the admin."""


def role_permissions(role: str) -> frozenset[TenantPermission]:
    """What members of this role may do."""
    return frozenset(permission for permission, roles in ROLES.items() if role in roles)
