"""Addresses of tenants, their people, their settings and the audit log."""

from __future__ import annotations

from django.urls import include, path

from tenants.pages import audit, members, members_invitations, settings_erasure, settings_notifications, teams
from tenants.pages import tenants_change as change
from tenants.pages import tenants_page as tenant
from tenants.pages.settings import Settings
from tenants.pages.settings_caches import SettingsCaches, SettingsClearCaches
from tenants.pages.settings_data import SettingsData
from tenants.pages.settings_general import SettingsGeneral
from tenants.pages.tenants import TenantList
from tenants.pages.tenants_create import TenantCreate

_audit = [
    path("audit/", audit.AuditLog.as_view(), name="audit"),
    path("audit/export/", audit.AuditExport.as_view(), name="audit-export"),
    path("audit/<int:pk>/", audit.AuditEntryPage.as_view(), name="audit-entry"),
]
_tenants = [
    path("tenants/", TenantList.as_view(), name="tenants"),
    # Not below tenants/: any word could be a tenant's short name.
    path("new-tenant/", TenantCreate.as_view(), name="tenant-create"),
    path("tenants/<slug:slug>/", tenant.TenantOverview.as_view(), name="tenant"),
    path("tenants/<slug:slug>/members/", tenant.TenantMembers.as_view(), name="tenant-members"),
    path("tenants/<slug:slug>/teams/", tenant.TenantTeams.as_view(), name="tenant-teams"),
    path("tenants/<slug:slug>/keys/", tenant.TenantKeys.as_view(), name="tenant-keys"),
    path("tenants/<slug:slug>/limits/", tenant.TenantLimits.as_view(), name="tenant-limits"),
    path("tenants/<slug:slug>/budgets/", tenant.TenantBudgets.as_view(), name="tenant-budgets"),
    path("tenants/<slug:slug>/data/", tenant.TenantData.as_view(), name="tenant-data"),
    path("tenants/<slug:slug>/audit/", tenant.TenantAudit.as_view(), name="tenant-audit"),
    path("tenants/<slug:slug>/edit/", change.TenantEdit.as_view(), name="tenant-edit"),
    path("tenants/<slug:slug>/suspend/", change.TenantState.as_view(), name="tenant-suspend"),
    path("tenants/<slug:slug>/resume/", change.TenantState.as_view(active=True), name="tenant-resume"),
    path("tenants/<slug:slug>/delete/", change.TenantDelete.as_view(), name="tenant-delete"),
]
_people = [
    path("members/", members.MemberList.as_view(), name="members"),
    path("members/roles/", members.MemberRoles.as_view(), name="member-roles"),
    path("members/invite/", members_invitations.MemberInvite.as_view(), name="member-invite"),
    path("members/invitations/", members_invitations.InvitationList.as_view(), name="member-invitations"),
    path(
        "members/invitations/<uuid:pk>/resend/",
        members_invitations.InvitationResend.as_view(),
        name="member-invitation-resend",
    ),
    path(
        "members/invitations/<uuid:pk>/revoke/",
        members_invitations.InvitationRevoke.as_view(),
        name="member-invitation-revoke",
    ),
    path("members/<uuid:pk>/role/", members.MemberRole.as_view(), name="member-role"),
    path("members/<uuid:pk>/remove/", members.MemberRemove.as_view(), name="member-remove"),
    path("teams/", teams.TeamList.as_view(), name="teams"),
    path("teams/new/", teams.TeamCreate.as_view(), name="team-create"),
    path("teams/<uuid:pk>/edit/", teams.TeamEdit.as_view(), name="team-edit"),
    path("teams/<uuid:pk>/delete/", teams.TeamDelete.as_view(), name="team-delete"),
]
_notifications = [
    path("new/", settings_notifications.AddressCreate.as_view(), name="settings-notification-create"),
    path("slack/", settings_notifications.SlackCreate.as_view(), name="settings-notification-slack"),
    path("<uuid:pk>/", settings_notifications.AddressEdit.as_view(), name="settings-notification"),
    path("<uuid:pk>/delete/", settings_notifications.AddressDelete.as_view(), name="settings-notification-delete"),
    path("<uuid:pk>/test/", settings_notifications.AddressTest.as_view(), name="settings-notification-test"),
]
_settings = [
    path("settings/", Settings.as_view(), name="settings"),
    path("settings/caches/", SettingsCaches.as_view(), name="settings-caches"),
    path("settings/caches/clear/", SettingsClearCaches.as_view(), name="settings-clear-caches"),
    path("settings/general/", SettingsGeneral.as_view(), name="settings-general"),
    path("settings/data/", SettingsData.as_view(), name="settings-data"),
    path("settings/notifications/", include(_notifications)),
    path("settings/erasure/", settings_erasure.ErasurePage.as_view(), name="settings-erasure"),
    path("settings/erasure/confirm/", settings_erasure.ErasureConfirm.as_view(), name="settings-erasure-confirm"),
    path("settings/erasure/<uuid:pk>/", settings_erasure.ErasureProgress.as_view(), name="settings-erasure-progress"),
]

console_urlpatterns = [*_tenants, *_audit, path("audit/check/", audit.AuditCheck.as_view(), name="audit-check")]
portal_urlpatterns = [*_people, *_settings, *_audit]
