"""Registers the admin pages of this app, one module a subject."""

from tenants.admin_audit import AuditEntryAdmin
from tenants.admin_keys import ApiKeyAdmin
from tenants.admin_limits import RateLimitAdmin
from tenants.admin_tenants import TeamAdmin, TenantAdmin
from tenants.admin_users import GroupAdmin, UserAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditEntryAdmin",
    "GroupAdmin",
    "RateLimitAdmin",
    "TeamAdmin",
    "TenantAdmin",
    "UserAdmin",
]
