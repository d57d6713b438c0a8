"""All tenants of the platform: who they are, what they spend, whether they call."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import django_filters
from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from console.charts import sparkline
from console.tables import Column, Empty, Table, TablePage
from console.tables.paging import RowPage
from events.ledger.by_tenant import daily_costs, spent_this_month_sql
from events.models import Run
from tenants.models import Budget, Tenant
from tenants.roles import TenantPermission
from tenants.subjects import SubjectLevel
from tenants.workspaces import WorkspacePage

SPARK_DAYS = 14
_SPENT = spent_this_month_sql("tenants_tenant.id::text", "tenants_tenant.time_zone")


class TenantFilter(django_filters.FilterSet):
    """What the list of tenants is narrowed by."""

    state = django_filters.ChoiceFilter(
        choices=[("active", "Active"), ("suspended", "Suspended")], method="in_state", label="State"
    )
    payload_storage = django_filters.ChoiceFilter(choices=Tenant.PayloadStorage.choices, label="Content kept")

    class Meta:
        """Of tenants."""

        model = Tenant
        fields = ("state", "payload_storage")

    def in_state(self, rows: QuerySet[Tenant], _name: str, state: str) -> QuerySet[Tenant]:
        """Suspended or not."""
        return rows.filter(active=state == "active")


class TenantTable(Table):
    """Tenants with their spending of this month."""

    name = "tenants"
    caption, noun = "Tenants", "tenant"
    columns = (
        Column("name", "Tenant", template="console/tenants/_name.html", sort="name", primary=True),
        Column("active", "State", template="console/tenants/_state.html", sort="active"),
        Column(
            "spent",
            "Spent this month",
            kind="money",
            template="console/tenants/_spent.html",
            sort="spent",
            help="Since midnight of the first in the tenant's own time zone; the line is the last 14 days",
        ),
        Column(
            "budget", "Monthly budget", template="console/tenants/_budget.html", kind="money", accessor="month_limit"
        ),
        Column("payload_storage", "Content kept", accessor=lambda row: row.get_payload_storage_display(), phone=False),
        Column("last_call_at", "Last call", kind="when", sort="last_call_at"),
        Column("created_at", "Created", kind="when", sort="created_at", phone=False),
    )
    default_sort = "name"
    search = ("name", "slug")
    search_hint = "Name or short name"
    filterset = TenantFilter
    exportable = True
    live = "config.object.changed"
    empty = Empty(
        "building-community",
        "No tenants yet",
        "A tenant is a customer or a department: it has members, API keys, limits and budgets of its own.",
        "Create a tenant",
        "tenant-create",
        TenantPermission.CHANGE_SETTINGS,
    )

    def row_url(self, row: Any) -> str:
        """The tenant's page."""
        return self.workspace.url("tenant", slug=row.slug)

    @cached_property
    def page(self) -> RowPage:
        """With the last days' spending of the tenants that are shown."""
        page = super().page
        days = daily_costs([str(row.pk) for row in page.rows], SPARK_DAYS)
        for row in page.rows:
            costs = days[str(row.pk)]
            row.spark = sparkline(costs, 72, 22) if any(costs) else ""
        return page


class TenantList(WorkspacePage, TablePage):
    """All tenants."""

    template_name = "console/tenants/list.html"
    table_class = TenantTable

    def get_rows(self) -> QuerySet[Tenant]:
        """With what they spent, their own monthly budget, and when they called last."""
        return with_activity(self.workspace.scope(Tenant.objects.all()))


def with_activity(tenants: QuerySet[Tenant]) -> QuerySet[Tenant]:
    """The tenants with ``spent`` and ``month_limit`` (nano-dollars) and ``last_call_at``."""
    budgets = Budget.objects.filter(
        tenant=OuterRef("pk"), enabled=True, level=SubjectLevel.TENANT, window=Budget.Window.MONTH
    )
    calls = Run.objects.filter(tenant_id=Cast(OuterRef("pk"), TextField())).order_by("-started_at")
    return tenants.annotate(
        spent=RawSQL(_SPENT, (), output_field=BigIntegerField()),  # noqa: S611 - a constant
        month_limit=Subquery(budgets.order_by("limit_nanousd").values("limit_nanousd")[:1]),
        last_call_at=Subquery(calls.values("started_at")[:1]),
    )
