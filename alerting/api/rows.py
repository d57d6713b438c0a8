"""Objectives, rules and silences over the management API, in the units that are kept: shares of 1, ms, nano-dollars."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refusal
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting import services
from alerting.incident_rows import Silence
from alerting.objectives import SLO
from alerting.recommended import add_recommended, recommended_for
from alerting.rules import AlertRule
from tenants.models import Tenant
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenantOrPlatform, RelatedRow, RowSerializer, StrictSerializer
from tenants.roles import TenantPermission


class SLOSerializer(RowSerializer):
    """What is promised, of which calls."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()

    class Meta:
        model = SLO
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "description", "kind", "segment_kind", "segment", "limit", "evaluator"),
            *("objective", "window_days", "enabled"),
        )
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> SLO:
        """Without a rule: those are made by themselves."""
        return services.create_slo(**validated_data)

    def update(self, instance: SLO, validated_data: dict[str, Any]) -> SLO:
        """Its figures are worked out anew."""
        return services.update_slo(slo=instance, **validated_data)


class SLOResource(Readable, Creatable, Changeable, Deletable):
    """Objectives."""

    noun = "SLO"
    about = "A share of good calls that is promised over some days. What is not promised is the error budget."
    example: ClassVar[dict[str, Any]] = {"name": "Answers", "kind": "availability", "objective": 0.995}
    queryset = SLO.objects.all()
    serializer_class = SLOSerializer
    write_permission = TenantPermission.MANAGE_ALERTS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name", "description")

    def remove(self, row: SLO) -> None:
        """With the rules that look at it."""
        services.delete_slo(slo=row)


class AlertRuleSerializer(RowSerializer):
    """When somebody is told."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    slo_id = RelatedRow(source="slo", queryset=SLO.objects.all(), required=False, allow_null=True)
    phase = serializers.SerializerMethodField(help_text="ok, pending or firing, as of the last check.")

    class Meta:
        model = AlertRule
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "description", "kind", "severity", "enabled", "signal", "evaluator"),
            *("segment_kind", "segment", "operator", "threshold", "clear_threshold", "window_minutes"),
            *("for_minutes", "clear_minutes", "min_requests", "slo_id", "sensitivity", "tolerance", "phase"),
        )
        validators: ClassVar[list[Any]] = []

    def get_phase(self, row: AlertRule) -> str:
        """Of a rule that was not looked at yet: ok."""
        state = getattr(row, "state", None)
        return str(state.phase) if state is not None else "ok"

    def create(self, validated_data: dict[str, Any]) -> AlertRule:
        """It is looked at with the next check."""
        return services.create_rule(**validated_data)

    def update(self, instance: AlertRule, validated_data: dict[str, Any]) -> AlertRule:
        """What it fired for is over where it says something else now."""
        return services.update_rule(rule=instance, **validated_data)


class RulesOwnerSerializer(StrictSerializer):
    """Whose rules."""

    tenant_id = OwnTenantOrPlatform()


class RecommendedRuleSerializer(serializers.Serializer[Any]):
    """A rule that suits the owner and is not there yet."""

    name = serializers.CharField()
    about = serializers.CharField()
    is_objective = serializers.BooleanField(help_text="An objective that comes with the rule of its burn rate.")
    values = serializers.DictField(help_text="What the rule, or the objective, would say.")


class RuleResource(Readable, Creatable, Changeable, Deletable):
    """Alert rules."""

    noun = "alert rule"
    about = (
        "A figure that is looked at every minute for a limit or for what is usual, an objective's burn rate, or calls "
        "that stay away."
    )
    example: ClassVar[dict[str, Any]] = {
        "name": "Too many errors",
        "signal": "error_rate",
        "threshold": 0.05,
        "severity": "critical",
    }
    queryset = AlertRule.objects.select_related("state")
    serializer_class = AlertRuleSerializer
    write_permission = TenantPermission.MANAGE_ALERTS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name", "description")

    action_permissions: ClassVar[dict[str, TenantPermission]] = {
        "recommended": TenantPermission.VIEW_USAGE,
        "add_recommended": TenantPermission.MANAGE_ALERTS,
    }

    @extend_schema(
        summary="List recommended alert rules",
        description="Rules that suit how much the owner calls, and that it does not have yet. Names are what counts.",
        parameters=[RulesOwnerSerializer],
        responses={200: RecommendedRuleSerializer(many=True)},
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def recommended(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Those that are missing."""
        tenant = self._owner(request.query_params.dict(), TenantPermission.VIEW_USAGE)
        found = [
            {"name": one.name, "about": one.about, "is_objective": one.is_objective, "values": one.fields}
            for one in recommended_for(tenant)
        ]
        return Response(RecommendedRuleSerializer(found, many=True).data)

    @extend_schema(
        summary="Add the recommended alert rules",
        description="All that are not there yet, in one transaction; 400 where none is missing.",
        request=RulesOwnerSerializer,
        responses={201: AlertRuleSerializer(many=True)},
        filters=False,
    )
    @recommended.mapping.post
    @idempotent
    def add_recommended(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Each is audited by itself."""
        tenant = self._owner(request.data, TenantPermission.MANAGE_ALERTS)
        try:
            rules = add_recommended(tenant=tenant)
        except Refusal as refusal:
            raise serializers.ValidationError({"tenant_id": refusal.messages}) from refusal
        return Response(self.get_serializer(rules, many=True).data, status=201)

    def _owner(self, given: Any, needed: TenantPermission) -> Tenant | None:
        serializer = RulesOwnerSerializer(data=given, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        tenant: Tenant | None = serializer.validated_data["tenant"]
        require(self.request, needed, None if tenant is None else tenant.pk)
        return tenant

    def remove(self, row: AlertRule) -> None:
        """What it fired for is over."""
        services.delete_rule(rule=row)


class SilenceSerializer(RowSerializer):
    """What nobody is told of, and until when."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    rules = serializers.ListField(child=serializers.CharField(max_length=36), required=False, help_text="Empty: all.")

    class Meta:
        model = Silence
        fields = (
            *(*ROW_FIELDS, "tenant_id", "reason", "severity", "rules", "segment", "starts_at", "ends_at"),
            "created_by",
        )
        read_only_fields = ("created_by",)
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Silence:
        """Audited."""
        return services.create_silence(**validated_data)


class SilenceResource(Readable, Creatable):
    """Silences."""

    noun = "silence"
    about = "A time in which nobody is told of some alerts. Incidents are opened all the same."
    example: ClassVar[dict[str, Any]] = {"reason": "Maintenance", "ends_at": "2030-01-01T00:00:00Z"}
    queryset = Silence.objects.all()
    serializer_class = SilenceSerializer
    write_permission = TenantPermission.MANAGE_ALERTS

    @extend_schema(
        summary="End a silence", description="People are told again.", request=None, responses={200: SilenceSerializer}
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def end(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """From now on."""
        with transaction.atomic():
            row = self.locked()
            return self.shown(services.end_silence(silence=row))
