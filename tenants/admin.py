"""Registers the admin pages of this app, one module a subject."""

from tenants.admin_audit import AuditEntryAdmin
from tenants.admin_budgets import BudgetAdmin
from tenants.admin_invitations import InvitationAdmin
from tenants.admin_keys import ApiKeyAdmin, ServiceKeyAdmin
from tenants.admin_limits import RateLimitAdmin
from tenants.admin_secrets import StoredSecretAdmin
from tenants.admin_tenants import TeamAdmin, TenantAdmin
from tenants.admin_users import GroupAdmin, UserAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditEntryAdmin",
    "BudgetAdmin",
    "GroupAdmin",
    "InvitationAdmin",
    "RateLimitAdmin",
    "ServiceKeyAdmin",
    "StoredSecretAdmin",
    "TeamAdmin",
    "TenantAdmin",
    "UserAdmin",
]
