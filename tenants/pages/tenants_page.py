"""One tenant as operators see it: a page for each part, with the way into the tenant's own pages."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import NoReverseMatch
from django.utils import timezone
from django.views.generic import TemplateView

from console.tables import Column, Empty, Table, TablePage
from tenants.audit import AuditEntry
from tenants.invitation_rows import Invitation
from tenants.models import ApiKey, Budget, Membership, RateLimit, Team, Tenant
from tenants.pages.audit import AuditTable
from tenants.pages.members import MemberTable, members_of
from tenants.pages.settings import data_facts
from tenants.pages.teams import TeamTable, with_contents
from tenants.pages.tenants_change import OneTenant
from tenants.pages.tenants_figures import figures_of, first_steps
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace

TABS = (
    ("tenant", "Overview"),
    ("tenant-members", "Members"),
    ("tenant-teams", "Teams"),
    ("tenant-keys", "Keys"),
    ("tenant-limits", "Limits"),
    ("tenant-budgets", "Budgets"),
    ("tenant-data", "Data protection"),
    ("tenant-audit", "Audit"),
)


class TenantPart(OneTenant):
    """One part of the page; ``manage`` is the page of the tenant's own where it is changed."""

    permission = TenantPermission.VIEW_TENANT
    tab: ClassVar[str]
    manage: ClassVar[tuple[str, str]] = ("", "")
    """Name of that page, and the button's words."""

    @cached_property
    def portal(self) -> Workspace:
        """The tenant's own pages."""
        return Workspace(self.request.user, self.tenant)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tenant, the tabs, the way to the tenant's own page."""
        tabs = [
            (self.workspace.url(name, slug=self.tenant.slug), label, name == self.tab)
            for name, label in TABS
            if name != "tenant-audit" or self.workspace.may(TenantPermission.VIEW_AUDIT)
        ]
        shown = {
            "tenant": self.tenant,
            "sections": tabs,
            "portal_url": self.portal.url("home"),
            "manage_url": url_or_nothing(self.portal, self.manage[0]),
            "manage_label": self.manage[1],
        }
        return super().get_context_data(**{**shown, **kwargs})  # type: ignore[misc, no-any-return]


def url_or_nothing(workspace: Workspace, name: str, **kwargs: Any) -> str:
    """The page's address; empty where the workspace has no such page."""
    try:
        return workspace.url(name, **kwargs) if name else ""
    except NoReverseMatch:
        return ""


class TenantOverview(TenantPart, TemplateView):
    """Facts and figures, and what to do next with a new tenant."""

    tab = "tenant"
    template_name = "console/tenants/overview.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Figures where costs may be seen."""
        tenant = self.tenant
        steps = first_steps(self.portal)
        return super().get_context_data(
            figures=figures_of(tenant, timezone.now()) if self.workspace.may(TenantPermission.VIEW_COSTS) else None,
            steps=[] if all(step.done for step in steps) else steps,
            steps_done=sum(step.done for step in steps),
            data=data_facts(tenant),
            outage=dict(Tenant.RedisOutage.choices)[tenant.redis_outage],
            counts={
                "members": Membership.objects.for_tenant(tenant).count(),
                "keys": ApiKey.objects.for_tenant(tenant).usable(timezone.now()).count(),
                "teams": Team.objects.for_tenant(tenant).count(),
            },
            **kwargs,
        )


class TenantData(TenantPart, TemplateView):
    """What is kept of its calls."""

    tab = "tenant-data"
    manage = ("settings", "Change it in the tenant's settings")
    template_name = "console/tenants/data.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """In words."""
        erased = self.tenant.erased_end_users.order_by("-erased_at")
        return super().get_context_data(
            data=data_facts(self.tenant), erased=list(erased[:10]), erased_total=erased.count(), **kwargs
        )


class TenantTablePart(TenantPart, TablePage):
    """A part that is a table; its links lead into the tenant's own pages."""

    template_name = "console/tenants/part.html"

    def get_table(self) -> Table:
        """The table, as it is in the tenant's own pages."""
        return self.table_class(self.get_rows(), self.request, self.portal)


class PlainMemberTable(MemberTable):
    """Members, without buttons: those are in the tenant's own pages."""

    row_actions = ""


class TenantMembers(TenantTablePart):
    """Members."""

    tab = "tenant-members"
    manage = ("members", "Invite and manage members")
    table_class = PlainMemberTable

    def get_rows(self) -> QuerySet[Membership]:
        """Of the tenant."""
        return members_of(self.portal)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With who is asked to join."""
        waiting = Invitation.open_ones(tenant=self.tenant, expires_at__gt=timezone.now()).order_by("-created_at")
        return super().get_context_data(waiting=list(waiting[:20]), **kwargs)


class PlainTeamTable(TeamTable):
    """Teams, without buttons."""

    row_actions = ""


class TenantTeams(TenantTablePart):
    """Teams."""

    tab = "tenant-teams"
    manage = ("teams", "Manage teams")
    table_class = PlainTeamTable

    def get_rows(self) -> QuerySet[Team]:
        """Of the tenant."""
        return with_contents(self.portal.scope(Team.objects.all()))


class PlainKeyTable(Table):
    """Keys at a glance."""

    name = "keys"
    caption, noun = "API keys", "API key"
    columns = (
        Column("name", "Key", sort="name", primary=True),
        Column("shown", "Begins and ends", kind="code"),
        Column("state", "State", template="console/tenants/_key_state.html", accessor=lambda row: row.state()),
        Column("team", "Team", accessor="team.name", sort="team__name"),
        Column("last_used_at", "Last used", kind="when", sort="last_used_at"),
        Column("expires_at", "Expires", kind="when", sort="expires_at", phone=False),
    )
    default_sort = "-last_used_at"
    search = ("name", "prefix")
    live = "key.state.changed"
    empty = Empty("key", "No keys yet", "Applications call with a key.", "Create a key", "key-create", "manage_keys")

    def row_url(self, row: Any) -> str:
        """The key's page in the tenant's own pages."""
        assert isinstance(self.workspace, Workspace)
        return url_or_nothing(self.workspace, "key", pk=row.pk)


class TenantKeys(TenantTablePart):
    """API keys."""

    tab = "tenant-keys"
    manage = ("keys", "Manage keys")
    table_class = PlainKeyTable

    def get_rows(self) -> QuerySet[ApiKey]:
        """Of the tenant."""
        return self.portal.scope(ApiKey.objects.select_related("team"))


class PlainLimitTable(Table):
    """Limits at a glance."""

    name = "limits"
    caption, noun = "Rate limits", "limit"
    columns = (
        Column("subject", "Of", accessor=str, template="console/tenants/_subject.html", primary=True),
        Column("metric", "What is counted", accessor=lambda row: row.get_metric_display(), sort="metric"),
        Column("value", "At most", kind="number", sort="value"),
        Column("window_s", "In", template="console/tenants/_window.html", sort="window_s"),
    )
    empty = Empty("gauge", "No limits", "Calls are admitted without limits of this tenant's own.")


class TenantLimits(TenantTablePart):
    """Rate limits."""

    tab = "tenant-limits"
    manage = ("limits", "Manage limits")
    table_class = PlainLimitTable

    def get_rows(self) -> QuerySet[RateLimit]:
        """Of the tenant."""
        rows: QuerySet[RateLimit] = self.portal.scope(RateLimit.objects.select_related("team", "key"))
        return rows.order_by("level", "metric", "window_s", "pk")


class PlainBudgetTable(Table):
    """Budgets at a glance."""

    name = "budgets"
    caption, noun = "Budgets", "budget"
    columns = (
        Column("name", "Budget", sort="name", primary=True),
        Column("subject", "Of", accessor=str, template="console/tenants/_subject.html"),
        Column("limit_nanousd", "At most", kind="money", sort="limit_nanousd"),
        Column("window", "In each", accessor=lambda row: row.get_window_display(), sort="window"),
        Column("action", "Beyond it", accessor=lambda row: row.get_action_display(), sort="action"),
        Column("enabled", "State", template="console/tenants/_enabled.html", sort="enabled"),
    )
    default_sort = "name"
    empty = Empty(
        "wallet",
        "No budgets",
        "Nothing bounds what this tenant spends.",
        "Set a budget",
        "budget-create",
        "manage_budgets",
    )

    def row_url(self, row: Any) -> str:
        """The budget's page in the tenant's own pages."""
        assert isinstance(self.workspace, Workspace)
        return url_or_nothing(self.workspace, "budget", pk=row.pk)

    @property
    def empty_url(self) -> str:
        """Empty where there is no page to set one."""
        assert isinstance(self.workspace, Workspace)
        may = self.workspace.may(TenantPermission.MANAGE_BUDGETS)
        return url_or_nothing(self.workspace, self.empty.url_name) if may else ""


class TenantBudgets(TenantTablePart):
    """Budgets."""

    tab = "tenant-budgets"
    manage = ("budgets", "Manage budgets")
    table_class = PlainBudgetTable

    def get_rows(self) -> QuerySet[Budget]:
        """Of the tenant."""
        return self.portal.scope(Budget.objects.select_related("team", "key"))


class TenantAudit(TenantTablePart):
    """What was changed in it."""

    permission = TenantPermission.VIEW_AUDIT
    tab = "tenant-audit"
    manage = ("audit", "Export and more filters")
    table_class = AuditTable

    def get_rows(self) -> QuerySet[AuditEntry]:
        """Of the tenant."""
        return self.portal.scope(AuditEntry.objects.all(), "tenant_ref")
