"""Live evaluations over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation.live import selectors
from evaluation.live.services import (
    create_live_evaluation,
    delete_live_evaluation,
    evaluators_of,
    update_live_evaluation,
)
from evaluation.models import Evaluator, LiveEvaluation
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenant, RowSerializer
from tenants.roles import TenantPermission

LOWEST = 50
"""Scores that are listed."""


class EvaluatorNames(serializers.ListField):
    """Names of the tenant's evaluators."""

    child = serializers.CharField(max_length=100)

    def get_attribute(self, instance: Any) -> Any:
        """By name."""
        return [one.name for one in evaluators_of(instance)]


class LiveEvaluationSerializer(RowSerializer):
    """Which calls are sampled, and who scores them."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()
    evaluators = EvaluatorNames(help_text="By name; none that needs an expected answer.", max_length=20)
    tags = serializers.DictField(child=serializers.CharField(), required=False, help_text="Calls have all of these.")

    class Meta:
        model = LiveEvaluation
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "enabled", "evaluators", "routes", "model_names", "modes", "tags"),
            *("rate", "min_per_hour", "max_per_hour", "prompts_per_minute", "deep_rate", "judge_budget_nanousd"),
        )
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> LiveEvaluation:
        """From the next calls on."""
        rows = _named(validated_data.pop("evaluators"), validated_data["tenant"].pk)
        return create_live_evaluation(evaluators=rows, **validated_data)

    def update(self, instance: LiveEvaluation, validated_data: dict[str, Any]) -> LiveEvaluation:
        """What was scored stays."""
        names = validated_data.pop("evaluators", None)
        rows = None if names is None else _named(names, instance.tenant_id)
        return update_live_evaluation(evaluation=instance, evaluators=rows, **validated_data)


class LiveFiguresSerializer(serializers.Serializer[Any]):
    """What one evaluator said in the period."""

    evaluator = serializers.CharField()
    scored = serializers.IntegerField()
    mean = serializers.FloatField(allow_null=True, help_text="0 to 1.")
    before = serializers.FloatField(allow_null=True, help_text="The mean of as long a time before.")
    low = serializers.IntegerField(help_text="Scores below a half.")


class LowScoreSerializer(serializers.Serializer[Any]):
    """A call with a low score."""

    run_id = serializers.CharField(source="sample.run_id")
    at = serializers.DateTimeField()
    evaluator = serializers.CharField()
    value = serializers.FloatField()
    route = serializers.CharField(source="sample.route")
    model = serializers.CharField(source="sample.model")


class LossSerializer(serializers.Serializer[Any]):
    """Sampled calls of the tenant that were not scored."""

    reason = serializers.CharField()
    calls = serializers.IntegerField()


class LiveScoresSerializer(serializers.Serializer[Any]):
    """Scores of a period that ends now."""

    period = serializers.CharField()
    figures = LiveFiguresSerializer(many=True)
    lowest = LowScoreSerializer(many=True)
    losses = LossSerializer(many=True)


class LiveEvaluationResource(Readable, Creatable, Changeable, Deletable):
    """Live evaluations."""

    noun = "live evaluation"
    about = "A share of the calls is scored by evaluators as they come in."
    example: ClassVar[dict[str, Any]] = {"name": "Answers of the shop", "evaluators": ["No insults"], "rate": 0.05}
    queryset = LiveEvaluation.objects.all()
    serializer_class = LiveEvaluationSerializer
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    action_permissions: ClassVar[dict[str, TenantPermission]] = {"scores": TenantPermission.VIEW_RUNS}
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    @extend_schema(
        summary="Get the scores of a live evaluation",
        description="Means by evaluator, and the 50 lowest scores, of a period that ends now. No texts of calls.",
        parameters=[
            OpenApiParameter("period", enum=list(selectors.PERIODS), default="24h", description="How far back.")
        ],
        responses={200: LiveScoresSerializer},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def scores(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of the period."""
        # Not by get_object(), which knows the parameters of lists alone.
        row: LiveEvaluation = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        require(request, TenantPermission.VIEW_RUNS, row.tenant_id)
        now, wanted = timezone.now(), request.query_params.get("period", "24h")
        if wanted not in selectors.PERIODS:
            raise serializers.ValidationError({"period": [f"Say one of {', '.join(selectors.PERIODS)}."]})
        period = selectors.PERIODS[wanted]
        found = selectors.scores_of(row, now - period.length).filter(value__isnull=False)
        told = {
            "period": period.name,
            "figures": [msgspec.to_builtins(one) for one in selectors.figures(row, period, now)],
            "lowest": found.select_related("sample").order_by("value", "-at")[:LOWEST],
            "losses": [
                {"reason": reason, "calls": calls}
                for reason, calls in selectors.losses(row.tenant_id, now - period.length)
            ],
        }
        return Response(LiveScoresSerializer(told).data)

    def remove(self, row: LiveEvaluation) -> None:
        """With its scores."""
        delete_live_evaluation(evaluation=row)


def _named(names: list[str], tenant_id: Any) -> list[Evaluator]:
    known = {one.name: one for one in Evaluator.objects.for_tenant(tenant_id).filter(name__in=names)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise serializers.ValidationError({"evaluators": [f"There is no evaluator called {unknown[0]!r}."]})
    return list(known.values())
