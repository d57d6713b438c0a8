"""Golden sets, evaluators and gates over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from django.core.exceptions import ValidationError as Refusal
from django.db.models import OuterRef, QuerySet, Subquery
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation.engine.golden_files import item_of
from evaluation.evaluators import create_evaluator, update_evaluator
from evaluation.gates import check_gate, create_gate, update_gate, variant_for
from evaluation.golden_sets import (
    as_item,
    create_golden_set,
    newest_version,
    put_items,
    update_golden_set,
    usable_items_of,
)
from evaluation.models import Evaluator, Gate, GoldenSet, GoldenVersion
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenant, RelatedRow, RowSerializer, StrictSerializer, valid
from tenants.roles import TenantPermission

MOST_ITEMS = 1_000
"""In one request."""


class GoldenSetSerializer(RowSerializer):
    """Examples with what a good answer is like."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()
    version = serializers.SerializerMethodField(help_text="Number of the newest version.")
    items = serializers.SerializerMethodField(help_text="How many it has.")

    class Meta:
        model = GoldenSet
        fields = (*ROW_FIELDS, "tenant_id", "name", "description", "version", "items")
        validators: ClassVar[list[Any]] = []

    def get_version(self, row: GoldenSet) -> int:
        """Of the newest."""
        return self._newest(row)[0]

    def get_items(self, row: GoldenSet) -> int:
        """In the newest version."""
        return self._newest(row)[1]

    @staticmethod
    def _newest(row: GoldenSet) -> tuple[int, int]:
        """Number and items, read with the row where it came from the list."""
        number, items = getattr(row, "newest_number", None), getattr(row, "newest_items", None)
        if number is None or items is None:
            found = newest_version(row)
            return found.number, found.items
        return number, items

    def create(self, validated_data: dict[str, Any]) -> GoldenSet:
        """With an empty first version."""
        return create_golden_set(**validated_data)

    def update(self, instance: GoldenSet, validated_data: dict[str, Any]) -> GoldenSet:
        """Name and description."""
        return update_golden_set(golden_set=instance, **validated_data)


class ItemSerializer(StrictSerializer):
    """An example; the same fields as in files."""

    key = serializers.CharField(required=False, allow_blank=True, max_length=64)
    input = serializers.JSONField(help_text="A text, or the messages of a chat.")
    expected = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    context = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(trim_whitespace=False), required=False
    )
    rubric = serializers.CharField(required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    split = serializers.CharField(required=False, allow_blank=True, max_length=32)


class ItemsSerializer(StrictSerializer):
    """Items to put into the draft."""

    items = serializers.ListField(child=ItemSerializer(), min_length=1, max_length=MOST_ITEMS)
    replace = serializers.BooleanField(default=False, help_text="The draft has only these afterwards.")


class GoldenItemsSerializer(serializers.Serializer[Any]):
    """Items of the newest version."""

    version = serializers.IntegerField()
    items = ItemSerializer(many=True)


class GoldenSetResource(Readable, Creatable, Changeable, Deletable):
    """Golden sets."""

    noun = "golden set"
    about = "Examples of what an application is asked, with what a good answer is like."
    example: ClassVar[dict[str, Any]] = {"name": "Support", "description": "What customers ask"}
    queryset = GoldenSet.objects.all()
    serializer_class = GoldenSetSerializer
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    action_permissions: ClassVar[dict[str, TenantPermission]] = {"items": TenantPermission.VIEW_PAYLOADS}
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name", "description")

    def get_queryset(self) -> QuerySet[GoldenSet]:
        """With number and size of each one's newest version."""
        rows: QuerySet[GoldenSet] = super().get_queryset()
        versions = GoldenVersion.objects.filter(tenant=OuterRef("tenant"), golden_set=OuterRef("pk"))
        newest = versions.order_by("-number")
        return rows.annotate(
            newest_number=Subquery(newest.values("number")[:1]), newest_items=Subquery(newest.values("items")[:1])
        )

    @extend_schema(
        summary="List the items of a golden set",
        description="Of its newest version, in order, the first 1,000. Items may hold what callers wrote.",
        responses={200: GoldenItemsSerializer},
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="items", pagination_class=None)
    def items(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """As files have them."""
        row: GoldenSet = self.get_object()
        require(request, TenantPermission.VIEW_PAYLOADS, row.tenant_id)
        return self._items(row)

    @extend_schema(
        summary="Add items to a golden set",
        description="An item with the key of another takes its place; without a key it is made from the input. Where "
        "a run has used the newest version, the next one begins.",
        request=ItemsSerializer,
        responses={200: GoldenItemsSerializer},
    )
    @items.mapping.post
    @idempotent
    def add_items(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """All of them or none."""
        row: GoldenSet = self.get_object()
        require(request, TenantPermission.MANAGE_EVALUATIONS, row.tenant_id)
        sent = valid(ItemsSerializer, request)
        found = []
        for number, plain in enumerate(sent["items"]):
            try:
                found.append(item_of(plain))
            except ValueError as problem:
                raise ValidationError({"items": [f"Item {number}: {problem}"]}) from problem
        put_items(golden_set=row, items=found, source="api", replace=sent["replace"])
        return self._items(row)

    @staticmethod
    def _items(row: GoldenSet) -> Response:
        version = newest_version(row)
        rows = [msgspec.to_builtins(as_item(one)) for one in usable_items_of(version)[:MOST_ITEMS]]
        return Response({"version": version.number, "items": rows})


class EvaluatorSerializer(RowSerializer):
    """A way to score answers."""

    fixed = ("tenant_id", "kind")
    tenant_id = OwnTenant()
    kind = serializers.CharField(max_length=64, help_text="`exact`, `contains`, `groundedness`, `rubric`, ...")
    options = serializers.DictField(required=False, help_text="What the kind takes.")

    class Meta:
        model = Evaluator
        fields = (*ROW_FIELDS, "tenant_id", "name", "kind", "options")
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Evaluator:
        """Checked by its kind."""
        return create_evaluator(**validated_data)

    def update(self, instance: Evaluator, validated_data: dict[str, Any]) -> Evaluator:
        """Name and options."""
        return update_evaluator(evaluator=instance, **validated_data)


class EvaluatorResource(Readable, Creatable, Changeable, Deletable):
    """Evaluators."""

    noun = "evaluator"
    about = "A way to score answers from 0 to 1."
    example: ClassVar[dict[str, Any]] = {"name": "Names the year", "kind": "regex", "options": {"pattern": "19.."}}
    queryset = Evaluator.objects.all()
    serializer_class = EvaluatorSerializer
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)


class GateSerializer(RowSerializer):
    """By how much a score may fall."""

    fixed = ("golden_set_id",)
    golden_set_id = RelatedRow(source="golden_set", queryset=GoldenSet.objects.all())

    class Meta:
        model = Gate
        fields = (*ROW_FIELDS, "golden_set_id", "name", "evaluator", "max_drop", "confidence")
        validators: ClassVar[list[Any]] = []

    def owner_of(self, attrs: Any) -> Any:
        """The golden set's tenant."""
        return attrs["golden_set"].tenant_id

    def create(self, validated_data: dict[str, Any]) -> Gate:
        """Of the set that is named."""
        return create_gate(**validated_data)

    def update(self, instance: Gate, validated_data: dict[str, Any]) -> Gate:
        """What it demands."""
        return update_gate(gate=instance, **validated_data)


class CheckSerializer(StrictSerializer):
    """What is held to what."""

    candidate = serializers.CharField(max_length=200, help_text="`RUN` or `RUN/VARIANT`: a run's id, a variant's name.")
    baseline = serializers.CharField(max_length=200)
    strict = serializers.BooleanField(default=False, help_text="Undecided has the exit code 2 instead of 0.")


class GateOutcomeSerializer(serializers.Serializer[Any]):
    """What it came to; scores are 0 to 1."""

    outcome = serializers.CharField(help_text="`pass`, `fail` or `undecided`.")
    exit_code = serializers.IntegerField(help_text="For pipelines: 0 pass, 1 fail; undecided 0, or 2 with `strict`.")
    why = serializers.CharField()
    drop = serializers.FloatField(allow_null=True, help_text="Of the mean score; negative: it rose.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    items = serializers.IntegerField()
    needed = serializers.IntegerField(allow_null=True)
    baseline_mean = serializers.FloatField(allow_null=True)
    candidate_mean = serializers.FloatField(allow_null=True)


class GateResource(Readable, Creatable, Changeable, Deletable):
    """Gates."""

    noun = "gate"
    about = "By how much a score may fall before a change is held back."
    example: ClassVar[dict[str, Any]] = {
        "name": "groundedness holds",
        "evaluator": "Groundedness",
        "max_drop": 0.02,
        "confidence": 0.95,
    }
    queryset = Gate.objects.all()
    serializer_class = GateSerializer
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    @extend_schema(
        summary="Hold a candidate to a gate",
        description="Compares a candidate with a baseline, item by item, over runs that are done.",
        request=CheckSerializer,
        responses={200: GateOutcomeSerializer},
    )
    @action(detail=True, methods=["post"])
    def check(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Pass, fail or undecided."""
        gate: Gate = self.get_object()
        require(request, TenantPermission.MANAGE_EVALUATIONS, gate.tenant_id)
        sent = valid(CheckSerializer, request)
        try:
            candidate, baseline = (variant_for(gate.tenant, sent[name]) for name in ("candidate", "baseline"))
            found = check_gate(gate=gate, candidate=candidate, baseline=baseline)
        except Refusal as refusal:
            raise ValidationError({"non_field_errors": refusal.messages}) from refusal
        told = {**msgspec.structs.asdict(found), "exit_code": found.exit_code(strict=sent["strict"])}
        return Response(GateOutcomeSerializer(told).data)
