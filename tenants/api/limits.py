"""Rate limits and budgets: how much may be used, and what it may cost."""

from __future__ import annotations

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import budget_figures
from tenants.models import ApiKey, Budget, RateLimit, Team
from tenants.rest.filters import BooleanFilter, TenantRowFilter
from tenants.rest.money import MoneyRowSerializer, UsdField
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenant, RelatedRow, RowSerializer
from tenants.roles import TenantPermission
from tenants.subjects import SubjectLevel

_SUBJECT_FIELDS = (*ROW_FIELDS, "tenant_id", "level", "team_id", "key_id")


class SubjectSerializer(RowSerializer):
    """Something about a tenant, a team, a key or end users."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()
    team_id = RelatedRow(
        source="team",
        queryset=Team.objects.all(),
        required=False,
        allow_null=True,
        help_text="For level `team` only.",
    )
    key_id = RelatedRow(
        source="key",
        queryset=ApiKey.objects.all(),
        required=False,
        allow_null=True,
        help_text="For level `key` only.",
    )


class SubjectFilter(TenantRowFilter):
    """Filters by who is counted."""

    level = filters.ChoiceFilter(choices=SubjectLevel.choices, label="Who is counted.")
    team_id = filters.UUIDFilter(label="This team's only.")
    key_id = filters.UUIDFilter(label="This API key's only.")


class RateLimitSerializer(SubjectSerializer):
    """So many requests, tokens or calls at a time."""

    class Meta:
        model = RateLimit
        fields = (*_SUBJECT_FIELDS, "metric", "value", "window_s", "max_wait_ms")
        validators: ClassVar[list[Any]] = []


class RateLimitFilter(SubjectFilter):
    """Filters of the list of rate limits."""

    metric = filters.ChoiceFilter(choices=RateLimit.Metric.choices, label="What is counted.")


class RateLimitResource(Readable, Creatable, Changeable, Deletable):
    """How much may be used."""

    noun = "rate limit"
    about = (
        "At most so many requests or tokens in a window, or calls at a time, "
        "of a tenant, a team, a key or each end user."
    )
    example: ClassVar[dict[str, Any]] = {"level": "tenant", "metric": "requests", "value": 600, "window_s": 60}
    queryset = RateLimit.objects.all()
    serializer_class = RateLimitSerializer
    write_permission = TenantPermission.MANAGE_LIMITS
    filterset_class = RateLimitFilter


class BudgetSerializer(SubjectSerializer, MoneyRowSerializer):
    """So much money in a window of calendar time."""

    amounts: ClassVar[dict[str, str]] = {"limit": "limit_nanousd"}

    class Meta:
        model = Budget
        fields = (
            *_SUBJECT_FIELDS,
            "name",
            "limit_nanousd",
            "window",
            "action",
            "thresholds",
            "degrade_route",
            "degrade_max_output_tokens",
            "enabled",
        )
        validators: ClassVar[list[Any]] = []


class SpendingSerializer(serializers.Serializer[Any]):
    """A budget in its present window."""

    budget_id = serializers.UUIDField(source="budget.pk")
    limit_usd = UsdField(source="limit")
    limit_nanousd = serializers.IntegerField(source="limit")
    spent_usd = UsdField(source="spent", help_text="What ended calls have cost.")
    spent_nanousd = serializers.IntegerField(source="spent")
    reserved_usd = UsdField(source="reserved", help_text="The most that running calls may cost.")
    reserved_nanousd = serializers.IntegerField(source="reserved")
    remaining_usd = UsdField(source="left", help_text="Of the limit, without what is spent and reserved.")
    remaining_nanousd = serializers.IntegerField(source="left")
    began_at = serializers.DateTimeField(allow_null=True, help_text="Null: with the first call.")
    resets_at = serializers.DateTimeField(
        source="ends_at", allow_null=True, help_text="When the window begins anew. Null: never."
    )
    end_user = serializers.CharField(source="subject", help_text="Of a budget of each end user; otherwise empty.")
    live = serializers.BooleanField(help_text="Whether the figures are the gateway's own; otherwise the ledger's.")


class BudgetFilter(SubjectFilter):
    """Filters of the list of budgets."""

    window = filters.ChoiceFilter(choices=Budget.Window.choices, label="How long it lasts.")
    action = filters.ChoiceFilter(choices=Budget.Action.choices, label="What happens beyond the limit.")
    enabled = BooleanFilter(label="Counting or not.")


class BudgetResource(Readable, Creatable, Changeable, Deletable):
    """What may be spent."""

    noun = "budget"
    about = "What a tenant, a team, a key or each end user may spend in an hour, day, week, month, or for ever."
    example: ClassVar[dict[str, Any]] = {
        "name": "monthly",
        "level": "tenant",
        "limit_usd": "250.00",
        "window": "month",
        "action": "block",
        "thresholds": [50, 80, 100],
    }
    queryset = Budget.objects.all()
    serializer_class = BudgetSerializer
    write_permission = TenantPermission.MANAGE_BUDGETS
    filterset_class = BudgetFilter
    action_permissions: ClassVar[dict[str, TenantPermission]] = {"spending": TenantPermission.VIEW_COSTS}
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    @extend_schema(
        summary="Read what a budget has spent",
        description="In its present window: spent, held by running calls, what remains, and when it begins anew. Of a "
        "budget of each end user: the one who spent most.",
        request=None,
        responses={200: SpendingSerializer},
    )
    @action(detail=True, methods=["get"])
    def spending(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Figures change with every call, so they are no part of the row and its version."""
        row = self.get_object()
        require(request, TenantPermission.VIEW_COSTS, self.owner_of(row))
        return Response(SpendingSerializer(budget_figures.states_of([row])[0]).data)
