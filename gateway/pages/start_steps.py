"""How far somebody has come: the steps of getting started, each with whether it is done."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from events.models import Run
from gateway.pages.explained import page_url
from routing.models import Provider
from tenants.invitation_rows import Invitation
from tenants.models import ApiKey, Budget, Membership, NotificationAddress, Tenant
from tenants.workspaces import Workspace

SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    title: str
    text: str
    done: bool
    action: str = ""
    url: str = ""
    """Where it is done; empty where the person may not."""


def tenant_steps(workspace: Workspace, tenant: Tenant) -> list[Step]:
    """For one tenant; ``workspace`` is that tenant's."""
    own_keys = ApiKey.objects.for_tenant(tenant).filter(playground_user=None)
    budgets = Budget.objects.for_tenant(tenant).enabled().filter(key__playground_user=None)
    return [
        Step(
            "Create an API key",
            "Applications call with it.",
            own_keys.exists(),
            "Create",
            "#start-key" if workspace.may("manage_keys") else "",
        ),
        Step(
            "Send a first call",
            "From here, or from your code.",
            _has_run(tenant),
            "Send",
            "#start-try" if workspace.may("manage_keys") else "",
        ),
        Step(
            "Set a budget",
            "Spending stops where you say.",
            budgets.exists(),
            "Set",
            _url(workspace, "manage_budgets", "budget-create", "budgets"),
        ),
        Step(
            "Invite somebody",
            "Each with a role of their own.",
            _has_company(tenant),
            "Invite",
            _url(workspace, "manage_members", "member-invite", "members"),
        ),
        Step(
            "Set an alert address",
            "It is told when a budget runs low.",
            NotificationAddress.objects.for_tenant(tenant).exists(),
            "Add",
            _url(workspace, "change_settings", "settings-notification-create"),
        ),
    ]


def platform_steps(workspace: Workspace) -> list[Step]:
    """For the installation; ``workspace`` is the platform's."""
    return [
        Step(
            "Send a first call",
            "The sandbox answers it, without an account.",
            Run.objects.exists(),
            "Send",
            "#start-try",
        ),
        Step(
            "Connect a provider",
            "With the key that it gave you.",
            Provider.objects.of_platform().exclude(kind=SANDBOX).exists(),
            "Connect",
            _url(workspace, "manage_routes", "provider-new", "providers")
            or reverse("admin:routing_provider_changelist"),
        ),
        Step(
            "Create a tenant",
            "One for each customer or department.",
            Tenant.objects.exclude(slug="demo").exists(),
            "Create",
            _url(workspace, "change_settings", "tenant-create") or reverse("admin:tenants_tenant_add"),
        ),
        Step(
            "Set a budget",
            "For a tenant, a team, a key or each user.",
            Budget.objects.enabled().filter(key__playground_user=None).exists(),
            "Set",
            _url(workspace, "manage_budgets", "budget-create", "budgets") or reverse("admin:tenants_budget_add"),
        ),
        Step(
            "Invite a member",
            "They see their own tenant only.",
            Invitation.objects.exists() or Membership.objects.count() > 1,
            "Invite",
            _url(workspace, "manage_members", "tenants") or reverse("admin:tenants_invitation_changelist"),
        ),
    ]


def _has_run(tenant: Tenant) -> bool:
    return Run.objects.filter(tenant_id=str(tenant.pk)).exists()


def _has_company(tenant: Tenant) -> bool:
    members = Membership.objects.for_tenant(tenant)[:2].count()
    return members > 1 or Invitation.objects.filter(tenant=tenant).exists()


def _url(workspace: Workspace, permission: str, *names: str) -> str:
    if not workspace.may(permission):
        return ""
    return next((url for name in names if (url := page_url(workspace, name))), "")
