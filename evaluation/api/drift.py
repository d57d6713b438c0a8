"""Drift monitors, their looks and findings over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refusal
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation.drift import selectors, services
from evaluation.drift.rows import SIGNAL_CHOICES, DriftCheck, DriftFinding, DriftMonitor
from evaluation.drift.words import moved_in_words, verdict_in_words
from evaluation.engine.drift_signals import DRIFT_SIGNALS
from tenants.rest.principals import principal_of
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenant, RowSerializer
from tenants.roles import TenantPermission

MOST_LOOKS = 100
_FIELDS = (
    *("name", "enabled", "signals", "segment_by", "segment_tag", "route", "model", "key_id", "window_minutes"),
    *("reference", "periods", "reference_start", "reference_end", "least_values", "level", "least_effects"),
    *("every_minutes", "confirm", "severity"),
)


class DriftMonitorSerializer(RowSerializer):
    """Which figures of which calls are held to what they were."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()
    signals = serializers.ListField(child=serializers.ChoiceField(choices=SIGNAL_CHOICES), min_length=1)
    least_effects = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=1),
        required=False,
        help_text="By signal, from which effect on it matters, 0 to 1.",
    )
    state = serializers.SerializerMethodField(
        help_text="`unknown`, `steady`, `suspected`, `drifted` or `cannot_tell`, as of the last look."
    )
    looked_at = serializers.DateTimeField(source="state.looked_at", read_only=True, allow_null=True)

    class Meta:
        model = DriftMonitor
        fields = (*ROW_FIELDS, "tenant_id", *_FIELDS, "state", "looked_at")
        validators: ClassVar[list[Any]] = []

    def get_state(self, row: DriftMonitor) -> str:
        """Where it stands."""
        return str(row.state.phase)

    def create(self, validated_data: dict[str, Any]) -> DriftMonitor:
        """It looks within a minute."""
        return services.create_monitor(**validated_data)

    def update(self, instance: DriftMonitor, validated_data: dict[str, Any]) -> DriftMonitor:
        """It begins anew where it says something else."""
        return services.update_monitor(monitor=instance, **validated_data)


class DriftFindingSerializer(serializers.ModelSerializer[DriftFinding]):
    """One signal of one segment; without `segment`: all calls together."""

    moved = serializers.SerializerMethodField(help_text="What was before and is now, in words.")
    verdict = serializers.SerializerMethodField(help_text="Why it counts as drift, or does not.")
    figures = serializers.DictField(help_text="Pairs: before, now.")
    shape = serializers.DictField(help_text="Both distributions, as shares by bin or label.")
    examples = serializers.ListField(
        child=serializers.DictField(), help_text="Calls that are unlike those before: id, score, value."
    )

    class Meta:
        model = DriftFinding
        fields = (
            *(
                "id",
                "signal",
                "segment",
                "drifted",
                "lasting",
                "effect",
                "least",
                "usual",
                "test",
                "statistic",
                "index",
            ),
            *("p", "q", "values", "reference_values", "moved", "verdict", "figures", "shape", "examples"),
        )
        read_only_fields = fields

    def get_moved(self, row: DriftFinding) -> str:
        """With units."""
        return moved_in_words(row)

    def get_verdict(self, row: DriftFinding) -> str:
        """In a sentence."""
        return verdict_in_words(row)


class DriftCheckSerializer(serializers.ModelSerializer[DriftCheck]):
    """A look."""

    spans = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="Of the reference: pairs of Unix seconds, the newest first.",
    )

    class Meta:
        model = DriftCheck
        fields = (
            *("id", "window_start", "window_end", "spans", "outcome", "why", "calls", "reference_calls", "samples"),
            *("reference_samples", "tests", "drifted", "took_ms", "looked_at"),
        )
        read_only_fields = fields


class DriftMonitorResource(Readable, Creatable, Changeable, Deletable):
    """Drift monitors."""

    noun = "drift monitor"
    about = "Whether calls are still like they were: what they are about, how long they take, what they cost."
    example: ClassVar[dict[str, Any]] = {
        "name": "Support",
        "signals": ["latency", "input_meaning"],
        "segment_by": "route",
        "window_minutes": 1_440,
        "reference": "daily",
        "periods": 7,
    }
    queryset = DriftMonitor.objects.select_related("state")
    serializer_class = DriftMonitorSerializer
    read_permission = TenantPermission.VIEW_RUNS
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)
    action_permissions: ClassVar[dict[str, TenantPermission]] = {
        "looks": TenantPermission.VIEW_RUNS,
        "findings": TenantPermission.VIEW_RUNS,
    }

    def versions(self, row: DriftMonitor) -> list[Any]:
        """It moves on by itself."""
        return [row.updated_at.isoformat(), row.state.phase, str(row.state.looked_at)]

    def remove(self, row: DriftMonitor) -> None:
        """What goes on is over."""
        services.delete_monitor(monitor=row)

    @extend_schema(
        summary="List the looks of a drift monitor",
        description="The newest first, at most 100.",
        responses={200: DriftCheckSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def looks(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """Without what each found."""
        row: DriftMonitor = self.get_object()
        rows = DriftCheck.objects.for_tenant(row.tenant_id).filter(monitor=row)[:MOST_LOOKS]
        return Response(DriftCheckSerializer(rows, many=True).data)

    @extend_schema(
        summary="Get what the last look of a drift monitor found",
        description="Every signal of every segment; empty before the first look. Those of costs are left out for who "
        "may not see costs.",
        responses={200: DriftFindingSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def findings(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """In the order of the monitor's signals."""
        row: DriftMonitor = self.get_object()
        check = selectors.newest_check(row)
        costs = principal_of(request).may(TenantPermission.VIEW_COSTS, row.tenant_id)
        found = selectors.findings_of(check) if check is not None else []
        seen = [one for one in found if costs or not DRIFT_SIGNALS[one.signal].costs]
        return Response(DriftFindingSerializer(seen, many=True).data)

    @extend_schema(
        summary="Have a drift monitor look",
        description="Within a minute, whenever it would.",
        request=None,
        responses={200: DriftMonitorSerializer},
    )
    @action(detail=True, methods=["post"])
    def look(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """By the clock's worker."""
        with transaction.atomic():
            row = self.locked()
            try:
                services.look_soon(monitor=row)
            except Refusal as refusal:
                raise ValidationError({"non_field_errors": refusal.messages}) from refusal
            return self.shown(self.saved(row))
