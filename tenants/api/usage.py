"""The usage ledger, call by call. Sums over it are what ``/v1/analytics`` is for."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django_filters import rest_framework as filters
from rest_framework import serializers

from events.ledger.records import COLUMNS
from events.models import UsageRecord
from tenants.api.activity import BoundedFilter, Recorded, WithCosts
from tenants.rest.filters import BooleanFilter, InstantFilter
from tenants.rest.money import UsdField
from tenants.rest.resources import Readable
from tenants.roles import TenantPermission


class UsageSerializer(WithCosts):
    """One ended call as it is billed."""

    id = serializers.UUIDField(source="event_id")
    cost_usd = UsdField(source="cost_nanousd", allow_null=True, help_text="Null where the price is unknown.")
    tags = serializers.DictField(child=serializers.CharField(), allow_null=True)

    class Meta:
        model = UsageRecord
        fields = ("id", *(column for column in COLUMNS if column != "event_id"), "cost_usd")


class UsageFilter(BoundedFilter):
    """Filters of the ledger, which reaches back one day unless something bounds it."""

    window = timedelta(days=1)
    tenant_id = filters.CharFilter(label="The tenant's calls only.")
    correlation_id = filters.CharFilter(label="One call.")
    team_id = filters.CharFilter(label="The team.")
    key_id = filters.CharFilter(label="The API key.")
    end_user = filters.CharFilter(label="The end user, as the caller named it.")
    route = filters.CharFilter(label="The route that was taken.")
    provider = filters.CharFilter(label="The provider that answered, or was tried last.")
    model = filters.CharFilter(label="The model that answered, or was tried last.")
    status = filters.ChoiceFilter(choices=UsageRecord.Status.choices, label="How the call ended.")
    price_unknown = BooleanFilter(label="Calls whose cost is not known.")
    since = InstantFilter(
        field_name="occurred_at",
        lookup_expr="gte",
        label="Then or later. Without it: a day before `until`, or before now.",
    )


class UsageResource(Recorded, Readable):
    """The ledger."""

    noun = "usage record"
    about = "One ended call as it is billed. Sums, by hour or day and by whatever else, are at `/v1/analytics`."
    queryset = UsageRecord.objects.all()
    serializer_class = UsageSerializer
    read_permission = TenantPermission.VIEW_USAGE
    filterset_class = UsageFilter
    ordering_fields: ClassVar[dict[str, str]] = {"occurred_at": "occurred_at"}
    default_ordering = "-occurred_at"
