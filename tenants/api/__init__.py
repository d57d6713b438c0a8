"""The management API of this app: tenants, their people, keys, limits, budgets, secrets, and what happened."""

from tenants.api.accounts import MembershipResource, TeamResource, TenantResource
from tenants.api.activity import EventResource, QuarantinedEventResource, RunResource
from tenants.api.audit import AuditEntryResource
from tenants.api.invitations import InvitationResource
from tenants.api.keys import ApiKeyResource, ServiceKeyResource
from tenants.api.limits import BudgetResource, RateLimitResource
from tenants.api.secrets import SecretResource
from tenants.api.usage import UsageResource

RESOURCES = (
    ("tenants", TenantResource),
    ("teams", TeamResource),
    ("memberships", MembershipResource),
    ("invitations", InvitationResource),
    ("keys", ApiKeyResource),
    ("service-keys", ServiceKeyResource),
    ("rate-limits", RateLimitResource),
    ("budgets", BudgetResource),
    ("secrets", SecretResource),
    ("audit-entries", AuditEntryResource),
    ("runs", RunResource),
    ("events", EventResource),
    ("usage", UsageResource),
    ("quarantined-events", QuarantinedEventResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
