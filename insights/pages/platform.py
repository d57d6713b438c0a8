"""What all tenants spent in vain and could save, side by side: from figures that are kept, none worked out here."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Count, F, FloatField, Max, Min, QuerySet, Sum
from django.db.models.functions import Cast, NullIf
from django.db.models.lookups import GreaterThanOrEqual

from console.charts import Bar
from console.tables import Column, Empty, Table, TablePage
from insights.models import KeptSavings
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

MOST_BARS = 8


class SavingsFilter(django_filters.FilterSet):
    """What the list is narrowed by."""

    advice = django_filters.ChoiceFilter(
        choices=[("open", "Some"), ("none", "None")], method="with_advice", label="Recommendations"
    )
    vain = django_filters.ChoiceFilter(
        choices=[("1", "1% or more"), ("5", "5% or more"), ("20", "20% or more")],
        method="with_share",
        label="Spent in vain",
    )

    class Meta:
        """Of what is kept."""

        model = KeptSavings
        fields = ("advice", "vain")

    def with_advice(self, rows: QuerySet[KeptSavings], _name: str, wanted: str) -> QuerySet[KeptSavings]:
        """Somebody should look at them, or nobody has to."""
        return rows.filter(open_advice__gt=0) if wanted == "open" else rows.filter(open_advice=0)

    def with_share(self, rows: QuerySet[KeptSavings], _name: str, percent: str) -> QuerySet[KeptSavings]:
        """At least so much of what was spent."""
        return rows.filter(GreaterThanOrEqual(F("share"), int(percent) / 100))


class SavingsTable(Table):
    """A row a tenant."""

    name = "savings"
    caption, noun = "Tenants by what they spent in vain", "tenant"
    columns = (
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name", primary=True),
        Column(
            "wasted",
            "In vain",
            kind="money",
            accessor="wasted_nanousd",
            sort="wasted_nanousd",
            help="Failed, blocked and repeated calls and lost second attempts of the last 30 days",
        ),
        Column("share", "Of what was spent", kind="percent", sort="share"),
        Column("failed", "Failed", kind="money", accessor="failed_nanousd", sort="failed_nanousd", phone=False),
        Column("blocked", "Blocked", kind="money", accessor="blocked_nanousd", sort="blocked_nanousd", phone=False),
        Column(
            "regenerated",
            "Asked again",
            kind="money",
            accessor="regenerated_nanousd",
            sort="regenerated_nanousd",
            phone=False,
        ),
        Column(
            "hedged",
            "Lost attempts",
            kind="money",
            accessor="hedged_nanousd",
            sort="hedged_nanousd",
            phone=False,
            help="Estimated: providers do not say what an attempt cost that was given up",
        ),
        Column(
            "saving",
            "Could be saved",
            kind="money",
            accessor="saving_nanousd",
            sort="saving_nanousd",
            help="In 30 days, by the recommendations that nobody has put aside",
        ),
        Column("open_advice", "Recommendations", kind="number", sort="open_advice"),
        Column("computed_at", "Worked out", kind="when", sort="computed_at"),
    )
    default_sort = "-wasted"
    search = ("tenant__name", "tenant__slug")
    search_hint = "Name or short name"
    filterset = SavingsFilter
    exportable = True
    empty = Empty(
        "report-money",
        "Nothing worked out yet",
        "What tenants spent in vain, and what would be cheaper, is worked out every hour, for the first time within "
        "minutes after the start. System health says whether workers run.",
        "See system health",
        "health",
        TenantPermission.VIEW_TENANT,
    )

    def row_url(self, row: Any) -> str:
        """The tenant's own page, with how it was worked out."""
        return Workspace(self.request.user, row.tenant).url("savings")


class PlatformSavings(WorkspacePage, TablePage):
    """Of the last 30 days."""

    template_name = "console/insights/platform.html"
    table_class = SavingsTable
    permission = TenantPermission.VIEW_COSTS

    def get_rows(self) -> QuerySet[KeptSavings]:
        """With the share of what was spent; unknown where nothing was."""
        spent = NullIf(Cast("spent_nanousd", FloatField()), 0.0)
        rows = self.workspace.scope(KeptSavings.objects.select_related("tenant"))
        shown: QuerySet[KeptSavings] = rows.annotate(share=F("wasted_nanousd") / spent)
        return shown

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With sums over all tenants, and how old they are."""
        rows = self.workspace.scope(KeptSavings.objects.all())
        totals = rows.order_by().aggregate(
            tenants=Count("pk"),
            spent=Sum("spent_nanousd"),
            wasted=Sum("wasted_nanousd"),
            saving=Sum("saving_nanousd"),
            advice=Sum("open_advice"),
            oldest=Min("computed_at"),
            youngest=Max("computed_at"),
        )
        return super().get_context_data(
            totals=totals,
            share=totals["wasted"] / totals["spent"] if totals["spent"] else None,
            without=Tenant.objects.filter(active=True, kept_savings=None).count(),
            wasted=self._wasted(rows),
            advice=self._advice(rows),
            **kwargs,
        )

    def _wasted(self, rows: QuerySet[KeptSavings]) -> list[Bar]:
        most = rows.filter(wasted_nanousd__gt=0).select_related("tenant").order_by("-wasted_nanousd")[:MOST_BARS]
        return [Bar(row.tenant.name, row.wasted_nanousd, self._url_of(row)) for row in most]

    def _advice(self, rows: QuerySet[KeptSavings]) -> list[Bar]:
        """The largest; none is larger than all of its tenant's together."""
        most = rows.filter(saving_nanousd__gt=0).select_related("tenant").order_by("-saving_nanousd")[:MOST_BARS]
        found = [
            Bar(one["title"], one["saving_nanousd"], self._url_of(row), detail=row.tenant.name)
            for row in most
            for one in row.advice
            if one["open"] and one["saving_nanousd"]
        ]
        return sorted(found, key=lambda bar: -bar.value)[:MOST_BARS]

    def _url_of(self, row: KeptSavings) -> str:
        return Workspace(self.request.user, row.tenant).url("savings")
