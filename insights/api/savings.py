"""What tenants spent in vain and could save, side by side, over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers

from insights.models import KeptSavings
from tenants.rest.filters import BooleanFilter, TenantRowFilter, by_age
from tenants.rest.resources import Readable
from tenants.roles import TenantPermission


class KeptAdviceSerializer(serializers.Serializer[Any]):
    """A recommendation as it was when the figures were worked out."""

    key = serializers.CharField()
    title = serializers.CharField()
    saving_nanousd = serializers.IntegerField(allow_null=True, help_text="In 30 days; null: it saves no money.")
    open = serializers.BooleanField(help_text="Whether nobody has put it aside.")


class SavingsSerializer(serializers.ModelSerializer[KeptSavings]):
    """The last 30 days of one tenant."""

    tenant_id = serializers.UUIDField(read_only=True)
    advice = KeptAdviceSerializer(many=True, read_only=True)

    class Meta:
        model = KeptSavings
        fields = (
            *("id", "tenant_id", "calls", "spent_nanousd", "wasted_nanousd", "failed_nanousd", "blocked_nanousd"),
            *("regenerated_nanousd", "hedged_nanousd", "saving_nanousd", "open_advice", "advice", "computed_at"),
        )
        read_only_fields = fields


class SavingsFilter(TenantRowFilter):
    """Filters of the list."""

    created_after, created_before = by_age("computed_at", "Worked out")
    has_advice = BooleanFilter(
        method="with_advice", label="Whether there are recommendations that nobody has put aside."
    )

    def with_advice(self, rows: QuerySet[KeptSavings], _name: str, wanted: bool) -> QuerySet[KeptSavings]:
        """Those of tenants that have some, or have none."""
        return rows.filter(open_advice__gt=0) if wanted else rows.filter(open_advice=0)


class SavingsResource(Readable):
    """Kept figures of tenants, worked out every hour."""

    noun = "savings figure"
    about = "What a tenant spent in vain in the 30 days before `computed_at`, and what would be cheaper."
    queryset = KeptSavings.objects.all()
    serializer_class = SavingsSerializer
    read_permission = TenantPermission.VIEW_COSTS
    filterset_class = SavingsFilter
    ordering_fields: ClassVar[dict[str, str]] = {
        name: name for name in ("wasted_nanousd", "saving_nanousd", "spent_nanousd", "open_advice", "computed_at")
    }
    default_ordering = "-wasted_nanousd"

    def owner_of(self, row: KeptSavings) -> Any:
        """The tenant."""
        return row.tenant_id

    def versions(self, row: KeptSavings) -> list[Any]:
        """A new one each time that it is worked out, and when somebody decides about a recommendation."""
        return [row.computed_at.isoformat(), row.advice]
