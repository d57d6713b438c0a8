"""The list of policies, and which of them somebody sees and changes."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from console.tables import Column, Empty, Table, TablePage
from guardrails.models import Policy
from guardrails.pages.words import MODES
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage


def policies_in(workspace: Workspace) -> QuerySet[Policy]:
    """Those that apply to calls here: a tenant's own and the platform's; on the platform all."""
    rows: QuerySet[Policy] = Policy.objects.select_related("tenant")
    if workspace.tenant is None:
        return rows
    return rows.filter(Q(tenant=workspace.tenant) | Q(tenant=None))


def policy_in(workspace: Workspace, pk: Any, *, to_change: bool = False) -> Policy:
    """One of them; with ``to_change`` of those that are changed here, which the platform's are on the platform alone.

    Raises:
        Http404: there is none.
    """
    rows = workspace.scope(Policy.objects.select_related("tenant")) if to_change else policies_in(workspace)
    found: Policy = get_object_or_404(rows, pk=pk)
    return found


def may_change(workspace: Workspace, policy: Policy) -> bool:
    """Whether the user may change the policy here."""
    return workspace.may(TenantPermission.MANAGE_GUARDRAILS) and (workspace.is_platform or policy.tenant_id is not None)


class PolicyFilter(django_filters.FilterSet):
    """What policies are narrowed down by."""

    mode = django_filters.ChoiceFilter(
        choices=[(mode, words.label) for mode, words in MODES.items()], label="State", empty_label="Any"
    )
    owner = django_filters.ChoiceFilter(
        choices=[("platform", "For all tenants"), ("tenant", "Of a tenant")],
        method="narrowed_by_owner",
        label="Owner",
        empty_label="Anyone",
    )

    class Meta:
        """All filters are declared above."""

        model = Policy
        fields: tuple[str, ...] = ()

    @staticmethod
    def narrowed_by_owner(rows: QuerySet[Policy], _name: str, value: str) -> QuerySet[Policy]:
        """The platform's, or those of tenants."""
        return rows.filter(tenant__isnull=value == "platform")


class PolicyTable(Table):
    """Policies in the order in which they are applied."""

    name = "policies"
    caption, noun, plural = "Policies", "policy", "policies"
    columns = (
        Column("name", "Policy", template="console/guardrails/_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else None, sort="tenant__name"),
        Column("mode", "State", template="console/guardrails/_mode.html", sort="mode"),
        Column("rules", "Rules", kind="number", accessor=lambda row: len(row.rules), help="Of the draft"),
        Column(
            "live_version",
            "Version",
            accessor=lambda row: f"v{row.live_version}" if row.live_version else None,
            help="The version in force",
        ),
        Column(
            "applies",
            "Applies to",
            accessor=lambda row: row.routes,
            template="console/guardrails/_applies.html",
            export=False,
            phone=False,
        ),
        Column("order", "Order", kind="number", sort="order", help="The lowest goes first", phone=False),
        Column("updated_at", "Changed", kind="when", sort="updated_at", phone=False),
    )
    default_sort = "order"
    search = ("name", "description")
    search_hint = "Name or description"
    filterset = PolicyFilter
    live = "config.object.changed"
    empty = Empty(
        "shield-half",
        "No policies yet",
        "A policy is a list of rules over prompts and answers: what is masked, what is blocked, what is only told. "
        "Start with one in shadow: it changes no call until you say so.",
        "Create a policy",
        "policy-create",
        "manage_guardrails",
    )

    def row_url(self, row: Policy) -> str:
        """The policy's page."""
        return self.workspace.url("policy", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose a policy is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class PolicyList(WorkspacePage, TablePage):
    """All policies of the workspace."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/guardrails/list.html"
    table_class = PolicyTable

    def get_rows(self) -> QuerySet[Policy]:
        """Own ones and those for all tenants."""
        return policies_in(self.workspace)
