"""What a tenant's calls wasted, and what would be cheaper, over the management API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import msgspec
from django.core.exceptions import ValidationError as Refusal
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from insights.figures import Period
from insights.selectors import cost_impact, recommendations
from insights.services import decide, take_back
from tenants.models import Tenant
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import Resource
from tenants.rest.serializers import StrictSerializer, valid
from tenants.roles import TenantPermission

MOST_DAYS = 92


class WasteSerializer(serializers.Serializer[Any]):
    """What one kind of calls cost that gave nobody anything."""

    kind = serializers.CharField(help_text="`failed`, `blocked`, `regenerated` or `hedged`.")
    title = serializers.CharField()
    calls = serializers.IntegerField()
    nanousd = serializers.IntegerField()
    price_unknown = serializers.IntegerField(help_text="Calls that are missing from the money.")
    estimated = serializers.BooleanField()
    how = serializers.CharField()


class WastePartSerializer(serializers.Serializer[Any]):
    """The same of one day, route or model."""

    part = serializers.CharField(allow_blank=True)
    calls = serializers.IntegerField()
    nanousd = serializers.IntegerField()
    by_kind = serializers.DictField(child=serializers.IntegerField())


class BusinessCostSerializer(serializers.Serializer[Any]):
    """What one of the tenant's rules comes to."""

    rule_id = serializers.UUIDField()
    name = serializers.CharField()
    quantity = serializers.FloatField()
    unit = serializers.CharField(help_text="`calls` or `minutes`.")
    nanousd = serializers.IntegerField()
    how = serializers.CharField()


class CostImpactSerializer(serializers.Serializer[Any]):
    """What went wrong, in money."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    calls = serializers.IntegerField()
    spent_nanousd = serializers.IntegerField()
    wasted_nanousd = serializers.IntegerField()
    wastes = WasteSerializer(many=True)
    by_day = WastePartSerializer(many=True)
    by_route = WastePartSerializer(many=True)
    by_model = WastePartSerializer(many=True)
    business_nanousd = serializers.IntegerField()
    business = BusinessCostSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())


class RecommendationSerializer(serializers.Serializer[Any]):
    """Something that would save money or capacity."""

    key = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    saving_nanousd = serializers.IntegerField(allow_null=True, help_text="In 30 days; null: it saves no money.")
    how = serializers.CharField()
    confidence = serializers.CharField()
    caveat = serializers.CharField(allow_blank=True)
    state = serializers.CharField(help_text="`open`, `dismissed` or `snoozed`.")
    until = serializers.DateTimeField(allow_null=True)


class SummarySerializer(serializers.Serializer[Any]):
    """The last 30 days of a tenant in four figures."""

    tenant_id = serializers.UUIDField()
    wasted_nanousd = serializers.IntegerField()
    business_nanousd = serializers.IntegerField()
    saving_nanousd = serializers.IntegerField(help_text="Of all recommendations that nobody put aside, in 30 days.")
    recommendations = serializers.IntegerField()


class PeriodSerializer(StrictSerializer):
    """From when until when."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)


class DecisionSerializer(StrictSerializer):
    """What follows from a recommendation."""

    key = serializers.CharField(max_length=300)
    state = serializers.ChoiceField(choices=["dismissed", "snoozed", "open"])
    until = serializers.DateTimeField(required=False, help_text="Of `snoozed`.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=300)


_PERIOD = [
    OpenApiParameter("start", str, description="ISO 8601; 30 days before the end unless given."),
    OpenApiParameter("end", str, description="ISO 8601; now unless given. At most 92 days after the start."),
]


class InsightsResource(Resource):
    """Figures of a tenant, by its id."""

    noun = "insight"
    queryset = Tenant.objects.all()
    serializer_class = CostImpactSerializer
    read_permission = TenantPermission.VIEW_COSTS
    tenant_path = "pk"
    filter_backends: Any = ()
    action_permissions: ClassVar[dict[str, TenantPermission]] = {
        "cost_impact": TenantPermission.VIEW_COSTS,
        "recommendations": TenantPermission.VIEW_COSTS,
        "decide": TenantPermission.MANAGE_BUDGETS,
    }

    def owner_of(self, row: Any) -> Any:
        """The tenant itself."""
        return row.pk

    @extend_schema(
        summary="Read a tenant's figures",
        description="What was spent in vain in the last 30 days, and what recommendations would save.",
        responses={200: SummarySerializer},
        filters=False,
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """In four figures."""
        tenant, now = self._tenant(), timezone.now()
        period = Period(now - timedelta(days=30), now)
        impact, advice = cost_impact(tenant, period), recommendations(tenant, period)
        found = {
            "tenant_id": tenant.pk,
            "wasted_nanousd": impact.wasted_nanousd,
            "business_nanousd": impact.business_nanousd,
            "saving_nanousd": sum(one.saving_nanousd or 0 for one in advice),
            "recommendations": len(advice),
        }
        return Response(SummarySerializer(found).data)

    @extend_schema(
        summary="Read what calls wasted",
        description="Money spent on failed, blocked, repeated and hedged calls, by day, route and model, and what the "
        "tenant's rules make of it. Each figure says how it was worked out.",
        parameters=_PERIOD,
        responses={200: CostImpactSerializer},
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="cost-impact", pagination_class=None)
    def cost_impact(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of the period."""
        found = cost_impact(self._tenant(), period_asked(request))
        return Response(CostImpactSerializer(msgspec.to_builtins(found)).data)

    @extend_schema(
        summary="List what would be cheaper",
        description="Recommendations over the period, also those that were put aside, with the estimated saving.",
        parameters=_PERIOD,
        responses={200: RecommendationSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def recommendations(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The largest saving first."""
        found = recommendations(self._tenant(), period_asked(request), also_decided=True)
        return Response(RecommendationSerializer([msgspec.to_builtins(one) for one in found], many=True).data)

    @extend_schema(
        summary="Decide about a recommendation",
        description="Dismiss it, put it aside until some time, or show it again.",
        request=DecisionSerializer,
        responses={204: None},
    )
    @action(detail=True, methods=["post"], url_path="recommendations/decide")
    @idempotent
    def decide(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Audited."""
        tenant = self._tenant()
        require(request, TenantPermission.MANAGE_BUDGETS, tenant.pk)
        sent = valid(DecisionSerializer, request)
        try:
            _decided(tenant, **sent)
        except Refusal as refusal:
            raise ValidationError({"until": refusal.messages}) from refusal
        return Response(status=204)

    def _tenant(self) -> Tenant:
        row: Tenant = self.get_object()
        return row


def _decided(tenant: Tenant, *, key: str, state: str, until: Any = None, note: str = "") -> None:
    if state == "open":
        take_back(tenant=tenant, key=key)
        return
    if state == "snoozed" and until is None:
        raise Refusal("Say until when.")
    now = timezone.now()
    known = recommendations(tenant, Period(now - timedelta(days=30), now), also_decided=True)
    found = next((one for one in known if one.key == key), None)
    if found is None:
        raise NotFound("There is no such recommendation.")
    decide(tenant=tenant, key=key, title=found.title, until=until if state == "snoozed" else None, note=note)


def period_asked(request: Request) -> Period:
    """As the address says it.

    Raises:
        ValidationError: it is no time, or too long.
    """
    serializer = PeriodSerializer(data=request.query_params.dict())
    serializer.is_valid(raise_exception=True)
    end = serializer.validated_data.get("end") or timezone.now()
    start = serializer.validated_data.get("start") or end - timedelta(days=30)
    if not timedelta(0) < end - start <= timedelta(days=MOST_DAYS):
        raise ValidationError({"start": [f"From before the end, and at most {MOST_DAYS} days."]})
    return Period(start, end)
