"""Schedules of evaluation runs over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refusal
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation.api.runs import EvalRunSerializer, VariantSerializer
from evaluation.models import Evaluator, Gate, GoldenSet
from evaluation.runs import VariantChoice
from evaluation.schedules.rows import RunSchedule
from evaluation.schedules.running import run_now
from evaluation.schedules.services import create_run_schedule, delete_run_schedule, update_run_schedule
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, RelatedRow, RowSerializer
from tenants.roles import TenantPermission
from tenants.scheduled import CADENCE_FIELDS


class RunScheduleSerializer(RowSerializer):
    """A run that starts by the calendar."""

    fixed = ("golden_set_id",)
    golden_set_id = RelatedRow(source="golden_set", queryset=GoldenSet.objects.all())
    gate_id = RelatedRow(source="gate", queryset=Gate.objects.all(), required=False, allow_null=True)
    variants = serializers.ListField(child=VariantSerializer(), min_length=1, max_length=6)
    evaluators = serializers.ListField(
        child=RelatedRow(queryset=Evaluator.objects.all()), required=False, max_length=20, help_text="Ids."
    )
    budget_nanousd = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=10**18)
    judge_budget_nanousd = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=10**18)
    next_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = RunSchedule
        fields = (
            *(*ROW_FIELDS, "golden_set_id", "name", "split", "variants", "evaluators", "concurrency"),
            *("max_output_tokens", "budget_nanousd", "judge_budget_nanousd", "gate_id", *CADENCE_FIELDS, "enabled"),
            *("next_at", "last_at"),
        )
        validators: ClassVar[list[Any]] = []

    def to_representation(self, instance: RunSchedule) -> dict[str, Any]:
        """What is kept as plain data is shown as it is."""
        fields = dict(self.fields)
        plain = {"variants": instance.variants, "evaluators": instance.evaluators}
        return {name: plain.get(name) if name in plain else _shown(fields[name], instance) for name in fields}

    def owner_of(self, attrs: Any) -> Any:
        """The golden set's tenant."""
        return attrs["golden_set"].tenant_id

    def create(self, validated_data: dict[str, Any]) -> RunSchedule:
        """Due the next time that it says."""
        return create_run_schedule(**_chosen({"evaluators": [], **validated_data}))

    def update(self, instance: RunSchedule, validated_data: dict[str, Any]) -> RunSchedule:
        """Beat is told."""
        return update_run_schedule(schedule=instance, **_chosen(validated_data))


def _shown(field: Any, row: RunSchedule) -> Any:
    value = field.get_attribute(row)
    return None if value is None or getattr(value, "pk", "") is None else field.to_representation(value)


def _chosen(sent: dict[str, Any]) -> dict[str, Any]:
    if "variants" in sent:
        sent = {**sent, "variants": [VariantChoice(**one) for one in sent["variants"]]}
    return sent


class RunScheduleResource(Readable, Creatable, Changeable, Deletable):
    """Schedules of runs."""

    noun = "run schedule"
    about = "A run that starts by the calendar, in the tenant's time zone, and can be held to a gate each time."
    example: ClassVar[dict[str, Any]] = {
        "name": "Nightly",
        "every": "daily",
        "hour": 3,
        "variants": [{"name": "live", "model": "chat"}],
    }
    queryset = RunSchedule.objects.select_related("golden_set", "gate")
    serializer_class = RunScheduleSerializer
    read_permission = TenantPermission.VIEW_RUNS
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    def remove(self, row: RunSchedule) -> None:
        """Runs stay."""
        delete_run_schedule(schedule=row)

    @extend_schema(
        summary="Start a scheduled run now",
        description="When it is due next stays as it is.",
        request=None,
        responses={201: EvalRunSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def run(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The run that was started."""
        row: RunSchedule = self.get_object()
        require(request, TenantPermission.MANAGE_EVALUATIONS, row.tenant_id)
        try:
            time = run_now(schedule=row)
        except Refusal as refusal:
            raise ValidationError({"non_field_errors": refusal.messages}) from refusal
        return Response(EvalRunSerializer(time.run).data, status=201)
