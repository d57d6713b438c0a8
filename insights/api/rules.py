"""Rules that say what goes wrong costs, over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from insights.models import ImpactRule
from insights.services import create_impact_rule, delete_impact_rule, update_impact_rule
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenant, RowSerializer
from tenants.roles import TenantPermission


class ImpactRuleSerializer(RowSerializer):
    """What something that goes wrong costs the business."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()

    class Meta:
        model = ImpactRule
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "outcome", "route", "tag", "tag_value", "severity", "nanousd"),
            "enabled",
        )
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> ImpactRule:
        """It counts for the past as well."""
        return create_impact_rule(**validated_data)

    def update(self, instance: ImpactRule, validated_data: dict[str, Any]) -> ImpactRule:
        """The same."""
        return update_impact_rule(rule=instance, **validated_data)


class ImpactRuleResource(Readable, Creatable, Changeable, Deletable):
    """Impact rules."""

    noun = "impact rule"
    about = "What a failed, blocked or repeated call, or a minute of an incident, costs the business: an estimate."
    example: ClassVar[dict[str, Any]] = {"name": "Lost order", "outcome": "failed", "nanousd": 2_500_000_000}
    queryset = ImpactRule.objects.all()
    serializer_class = ImpactRuleSerializer
    read_permission = TenantPermission.VIEW_COSTS
    write_permission = TenantPermission.MANAGE_BUDGETS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    def remove(self, row: ImpactRule) -> None:
        """It counts no more."""
        delete_impact_rule(rule=row)
