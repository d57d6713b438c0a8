"""Evaluation runs over the management API."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refusal
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation.golden_sets import newest_version
from evaluation.models import EvalRun, Evaluator, GoldenSet
from evaluation.runs import MAX_CONCURRENCY, VariantChoice, resume_run, start_run, stop_run
from tenants.rest.filters import TenantRowFilter, by_age
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import Readable
from tenants.rest.serializers import RelatedRow, StrictSerializer, valid
from tenants.roles import TenantPermission


class VariantSerializer(StrictSerializer):
    """What is to answer."""

    name = serializers.CharField(max_length=100)
    model = serializers.CharField(max_length=200, help_text="A route or model, as callers write it.")
    system_prompt = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    template = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class NewRunSerializer(StrictSerializer):
    """A run to start."""

    golden_set_id = RelatedRow(queryset=GoldenSet.objects.all())
    name = serializers.CharField(max_length=100)
    variants = serializers.ListField(child=VariantSerializer(), min_length=1, max_length=6)
    evaluators = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, help_text="Names of evaluators."
    )
    split = serializers.CharField(required=False, allow_blank=True, max_length=32)
    concurrency = serializers.IntegerField(default=4, min_value=1, max_value=MAX_CONCURRENCY)
    max_output_tokens = serializers.IntegerField(default=1_024, min_value=1, max_value=200_000)
    budget_nanousd = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=10**18)
    judge_budget_nanousd = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=10**18)


class EvalRunSerializer(serializers.ModelSerializer[EvalRun]):
    """A run and what came of it."""

    golden_set_id = serializers.UUIDField(source="version.golden_set_id")
    version = serializers.IntegerField(source="version.number")
    summary = serializers.DictField(help_text="Means by variant, and comparisons with the first, once it has ended.")

    class Meta:
        model = EvalRun
        fields = (
            *("id", "tenant_id", "golden_set_id", "version", "name", "split", "state", "error", "total", "done"),
            *("failed", "spent_nanousd", "judge_spent_nanousd", "requested_by", "requested_at", "started_at"),
            *("ended_at", "summary"),
        )
        read_only_fields = fields


class RunFilter(TenantRowFilter):
    """Filters of the list of runs."""

    created_after, created_before = by_age("requested_at", "Asked for")


class RunResource(Readable):
    """Evaluation runs."""

    noun = "evaluation run"
    about = "Variants answer the items of a golden set, and evaluators score the answers."
    queryset = EvalRun.objects.select_related("version")
    serializer_class = EvalRunSerializer
    read_permission = TenantPermission.VIEW_RUNS
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    filterset_class = RunFilter
    search_fields = ("name",)

    def versions(self, row: EvalRun) -> list[Any]:
        """It moves on by itself."""
        return [row.state, row.done, row.spent_nanousd, row.judge_spent_nanousd]

    @extend_schema(
        summary="Start an evaluation run",
        description="Over the newest version of a golden set, which is frozen by it.",
        request=NewRunSerializer,
        responses={201: EvalRunSerializer},
    )
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its worker begins at once."""
        sent = valid(NewRunSerializer, request)
        golden_set: GoldenSet = sent.pop("golden_set_id")
        require(request, TenantPermission.MANAGE_EVALUATIONS, golden_set.tenant_id)
        names = sent.pop("evaluators", [])
        evaluators = list(Evaluator.objects.for_tenant(golden_set.tenant_id).filter(name__in=names))
        missing = sorted(set(names) - {one.name for one in evaluators})
        if missing:
            raise ValidationError({"evaluators": [f"There is no evaluator {missing[0]!r}."]})
        variants = [VariantChoice(**one) for one in sent.pop("variants")]
        try:
            run = start_run(version=newest_version(golden_set), variants=variants, evaluators=evaluators, **sent)
        except Refusal as refusal:
            raise ValidationError(refusal.message_dict) from refusal
        return self.shown(self.saved(run), 201)

    @extend_schema(summary="Stop an evaluation run", request=None, responses={200: EvalRunSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Calls under way end."""
        return self._changed(stop_run)

    @extend_schema(
        summary="Take an evaluation run up again",
        description="What is answered already is not asked again.",
        request=None,
        responses={200: EvalRunSerializer},
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """With what is left."""
        return self._changed(resume_run)

    def _changed(self, change: Any) -> Response:
        with transaction.atomic():
            row = self.locked()
            try:
                change(run=row)
            except Refusal as refusal:
                raise ValidationError({"non_field_errors": refusal.messages}) from refusal
            return self.shown(self.saved(row))
