"""All settings of a tenant at one glance; who may change them finds a button beside each group."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.views.generic import TemplateView

from console.formats import counted
from tenants.data_protection import retention_of
from tenants.erased_users import ErasedEndUser
from tenants.models import Tenant
from tenants.notifications import NotificationAddress
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

STORAGE_MEANS = {
    "none": (
        "Nothing",
        "No prompts and answers are kept",
        "They are passed on and forgotten. Calls show figures only, such as tokens, cost and latency.",
    ),
    "redacted": (
        "Redacted",
        "Prompts and answers are kept redacted",
        "Placeholders take the place of personal data with a clear shape and credentials before anything is written.",
    ),
    "stored": (
        "Everything",
        "Prompts and answers are kept in full",
        "As they were sent, for members whose role may read them.",
    ),
}


def data_facts(tenant: Tenant) -> dict[str, Any]:
    """What is kept of the tenant's calls and for how long, in words."""
    days = retention_of(tenant)
    label, title, means = STORAGE_MEANS[tenant.payload_storage]

    def told(number: int, own: int | None) -> str:
        source = "" if own is not None and own == number else " (default)"
        return f"{counted(number, 'day')}{source}"

    return {
        "storage": label,
        "storage_title": title,
        "storage_means": means,
        "rows": [
            (
                "Prompts and answers",
                told(days.payloads, tenant.payload_retention_days) if label != "Nothing" else "Not kept",
            ),
            ("Calls and their events", told(days.events, tenant.event_retention_days)),
            ("Single usage records", told(days.ledger, tenant.ledger_retention_days)),
            ("Sums by day", "For good"),
        ],
    }


class Settings(WorkspacePage, TemplateView):
    """Groups of settings with what each means."""

    template_name = "console/settings/page.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tenant, and what belongs to each group."""
        tenant = self.workspace.tenant
        assert tenant is not None
        addresses = NotificationAddress.objects.for_tenant(tenant).order_by("kind", "email", "channel")
        platform = Workspace(self.request.user)
        operator = platform.may(TenantPermission.CHANGE_SETTINGS)
        return super().get_context_data(
            tenant=tenant,
            data=data_facts(tenant),
            outage=dict(Tenant.RedisOutage.choices)[tenant.redis_outage],
            addresses=list(addresses[:20]),
            erased=ErasedEndUser.objects.filter(tenant=tenant).count(),
            endpoint=f"{(settings.PUBLIC_URL or self.request.build_absolute_uri('/')).rstrip('/')}/v1",
            tenant_page=platform.url("tenant", slug=tenant.slug) if operator else "",
            **kwargs,
        )
