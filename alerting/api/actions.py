"""Actions and what they did, over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import services
from alerting.actions.kinds import PERMISSIONS
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.undoing import undo
from alerting.channel_rows import Channel
from alerting.rules import AlertRule
from guardrails.models import Policy
from routing.models import Route, Target
from tenants.rest.filters import TenantRowFilter, by_age
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.principals import principal_of
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, EmptySerializer, OwnTenantOrPlatform, RelatedRow, RowSerializer
from tenants.roles import TenantPermission


class AlertActionSerializer(RowSerializer):
    """What is done while an alert holds."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    rule_id = RelatedRow(source="rule", queryset=AlertRule.objects.all(), required=False, allow_null=True)
    target_id = RelatedRow(
        source="target",
        queryset=Target.objects.select_related("route"),
        tenant_path="route__tenant",
        required=False,
        allow_null=True,
    )
    policy_id = RelatedRow(source="policy", queryset=Policy.objects.all(), required=False, allow_null=True)
    route_id = RelatedRow(
        source="route",
        queryset=Route.objects.all(),
        required=False,
        allow_null=True,
        help_text="To roll back; of other kinds that act upon a route, told and not taken.",
    )
    channel_id = RelatedRow(source="channel", queryset=Channel.objects.all(), required=False, allow_null=True)
    keep = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="Of degraded mode: ids of targets of one route."
    )

    class Meta:
        model = AlertAction
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "kind", "rule_id", "from_severity", "target_id", "keep", "policy_id"),
            *("route_id", "within_minutes", "channel_id", "dry_run", "enabled", "after_minutes", "max_per_hour"),
            *("max_per_day", "cooldown_minutes", "open_minutes", "undo_on_clear", "configured_by"),
        )
        read_only_fields = ("configured_by",)
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> AlertAction:
        """A dry run, unless said otherwise."""
        row = AlertAction(tenant=validated_data.pop("tenant", None))
        return services.save_action(action=row, may=self._may(row), **validated_data)

    def update(self, instance: AlertAction, validated_data: dict[str, Any]) -> AlertAction:
        """By somebody who may change what it acts upon."""
        return services.save_action(action=instance, may=self._may(instance), **validated_data)

    def _may(self, row: AlertAction) -> services.May:
        principal = principal_of(self.context["request"])
        return lambda permission: principal.may(permission, row.tenant_id)


class AlertActionResource(Readable, Creatable, Changeable, Deletable):
    """Actions."""

    noun = "alert action"
    about = (
        "What is done while an alert holds, within limits: a target is drained, a circuit opened, a route degraded, a "
        "policy or an experiment rolled back, a hook called."
    )
    example: ClassVar[dict[str, Any]] = {
        "name": "Drain the large model",
        "kind": "drain_target",
        "target_id": "0198c0de-0000-7000-8000-000000000000",
        "after_minutes": 5,
    }
    queryset = AlertAction.objects.all()
    serializer_class = AlertActionSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    def remove(self, row: AlertAction) -> None:
        """What it did stays, and can still be undone."""
        services.delete_action(action=row)


class ActionRunSerializer(serializers.ModelSerializer[ActionRun]):
    """One alert, one action."""

    tenant_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ActionRun
        fields = (
            *("id", "tenant_id", "action_id", "alert_id", "incident_id", "name", "kind", "state", "text", "before"),
            *("after", "at", "undone_at", "undone_by"),
        )
        read_only_fields = fields


class ActionRunFilter(TenantRowFilter):
    """Filters of the list of runs."""

    created_after, created_before = by_age("at", "Done")
    state = filters.ChoiceFilter(choices=ActionRun.State.choices, label="How it went.")
    incident_id = filters.UUIDFilter(field_name="incident_id", label="Of this incident.")


class ActionRunResource(Readable):
    """What actions did."""

    noun = "action run"
    about = "What an action did for an alert, or why it did not."
    queryset = ActionRun.objects.select_related("tenant")
    serializer_class = ActionRunSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    filterset_class = ActionRunFilter
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "at": "at"}

    def owner_of(self, row: ActionRun) -> Any:
        """The tenant; None: the platform."""
        return row.tenant_id

    @extend_schema(
        summary="Undo an action",
        description="What it changed is put back; what somebody changed since is left as it is (`superseded`).",
        request=EmptySerializer,
        responses={200: ActionRunSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put back."""
        with transaction.atomic():
            row: ActionRun = self.locked()
            require(request, PERMISSIONS[row.kind], row.tenant_id)
            return self.shown(undo(run=row, now=timezone.now()))
