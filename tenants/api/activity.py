"""What happened: calls, the events they are made of, and lines that were no events. Nothing here can be changed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from events.collector.runs import FACTS
from events.models import EventRecord, QuarantinedEvent, Run, RunState
from events.selectors import run_of
from tenants.rest.filters import InstantFilter
from tenants.rest.principals import principal_of
from tenants.rest.resources import Readable, Resource
from tenants.roles import TenantPermission

_WRITTEN = ("input", "output", "text")
"""What users and models wrote, in events' payloads and in runs."""
_COSTS = ("cost", "cost_nanousd", "cost_usd")


class Recorded(Resource):
    """Rows that the collector writes; they name their tenant as text."""

    read_permission = TenantPermission.VIEW_RUNS

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the caller may see."""
        rows: QuerySet[Any] = GenericViewSet.get_queryset(self)
        if getattr(self, "swagger_fake_view", False):
            return rows
        tenants = principal_of(self.request).tenants(self.read_permission)
        return rows if tenants is None else rows.filter(tenant_id__in=[str(tenant) for tenant in tenants])

    def versions(self, row: Any) -> list[Any]:
        """Events never change."""
        return []


def without_what_is_hidden(request: Request, tenant_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields`` without prompts, answers and costs where the caller may not see those of this tenant."""
    principal = principal_of(request)
    owner = _uuid(tenant_id)
    hidden: tuple[str, ...] = ()
    if not principal.may(TenantPermission.VIEW_PAYLOADS, owner):
        hidden += _WRITTEN
    if not principal.may(TenantPermission.VIEW_COSTS, owner):
        hidden += _COSTS
    return {name: value for name, value in fields.items() if name not in hidden}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


class WithCosts(serializers.ModelSerializer[Any]):
    """A row of a call that tells what it cost."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Costs only for those who may see them."""
        shown: dict[str, Any] = super().to_representation(instance)
        return without_what_is_hidden(self.context["request"], instance.tenant_id, shown)


class BoundedFilter(filters.FilterSet):
    """Filters of rows that lie in one partition a day: a list without a bound reaches back one window only."""

    window: ClassVar[timedelta]
    bounds: ClassVar[tuple[str, ...]] = ("since",)
    """Parameters any of which is bound enough."""

    until = InstantFilter(field_name="occurred_at", lookup_expr="lt", label="Earlier.")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that pass, of a bounded time."""
        given = self.form.cleaned_data
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        if any(given.get(name) for name in self.bounds):
            return rows
        return rows.filter(occurred_at__gte=(given.get("until") or timezone.now()) - self.window)


class RunSerializer(WithCosts):
    """One call, merged from its events. Durations are ms; ``cost_nanousd`` is null where the price is unknown."""

    id = serializers.CharField(source="correlation_id")
    state = serializers.ChoiceField([state.label for state in RunState], source="get_state_display")

    class Meta:
        model = Run
        fields = (
            "id",
            "tenant_id",
            "trace_id",
            "state",
            "started_at",
            "ended_at",
            *FACTS,
        )


class RunFilter(filters.FilterSet):
    """Filters of the list of runs."""

    tenant_id = filters.CharFilter(label="The tenant's runs only.")
    state = filters.ChoiceFilter(
        choices=[(state.label, state.label) for state in RunState], method="in_state", label="How far it has come."
    )
    route = filters.CharFilter(label="The route that was taken.")
    provider = filters.CharFilter(label="The provider that answered, or was tried last.")
    model = filters.CharFilter(label="The model that answered, or was tried last.")
    key_id = filters.CharFilter(label="The API key.")
    team_id = filters.CharFilter(label="The team.")
    end_user = filters.CharFilter(label="The end user, as the caller named it.")
    error_code = filters.CharFilter(label="Why it failed.")
    started_after = InstantFilter(field_name="started_at", lookup_expr="gte", label="Began then or later.")
    started_before = InstantFilter(field_name="started_at", lookup_expr="lt", label="Began earlier.")

    @extend_schema_field({"type": "string", "enum": [state.label for state in RunState]})
    def in_state(self, rows: QuerySet[Run], _name: str, state: str) -> QuerySet[Run]:
        """By the state's name."""
        return rows.filter(state=next(item.value for item in RunState if item.label == state))


@extend_schema_view(
    retrieve=extend_schema(
        responses={200: {"$ref": "#/components/schemas/Run"}},
        description="With its events and attempts. Prompts and answers only where the tenant stores them and the "
        "caller may read them.",
    )
)
class RunResource(Recorded, Readable):
    """Calls."""

    noun = "run"
    about = "One call of an application, from its request to its end."
    queryset = Run.objects.all()
    serializer_class = RunSerializer
    filterset_class = RunFilter
    ordering_fields: ClassVar[dict[str, str]] = {"started_at": "started_at"}
    default_ordering = "-started_at"
    lookup_value_regex = "[A-Za-z0-9._:-]{1,128}"

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Everything known about one call."""
        found: Run = self.get_object()
        run = run_of(found.tenant_id, found.correlation_id)
        if run is None:
            raise Http404
        return Response(without_what_is_hidden(request, found.tenant_id, run))


class EventSerializer(serializers.ModelSerializer[EventRecord]):
    """One event."""

    payload = serializers.DictField(help_text="The fields of its type; JSON Schemas are in `contracts/schemas`.")

    class Meta:
        model = EventRecord
        fields = (
            "event_id",
            "event_type",
            "schema_version",
            "occurred_at",
            "layer",
            "service_name",
            "env",
            "tenant_id",
            "trace_id",
            "span_id",
            "correlation_id",
            "payload",
        )

    def to_representation(self, instance: EventRecord) -> dict[str, Any]:
        """Prompts, answers and costs only for those who may see them."""
        shown: dict[str, Any] = super().to_representation(instance)
        shown["payload"] = without_what_is_hidden(self.context["request"], instance.tenant_id, instance.payload)
        return shown


class EventFilter(BoundedFilter):
    """Filters of the list of events, which reaches back one hour unless something bounds it."""

    window = timedelta(hours=1)
    bounds = ("since", "correlation_id")
    tenant_id = filters.CharFilter(label="The tenant's events only.")
    event_type = filters.CharFilter(label="Exactly this type, such as `config.object.changed`.")
    correlation_id = filters.CharFilter(label="The events of one call.")
    since = InstantFilter(
        field_name="occurred_at",
        lookup_expr="gte",
        label="Happened then or later. Without it and `correlation_id`: an hour before `until`, or before now.",
    )


class EventResource(Recorded, Readable):
    """Everything that happened."""

    noun = "event"
    about = "What happened: each step of each call, each change of configuration."
    queryset = EventRecord.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    ordering_fields: ClassVar[dict[str, str]] = {"occurred_at": "occurred_at"}
    default_ordering = "-occurred_at"


class QuarantinedEventSerializer(serializers.ModelSerializer[QuarantinedEvent]):
    """Why a line of the bus was no event. The line itself, which may hold anything, is in the admin only."""

    id = serializers.CharField(source="digest", help_text="SHA-256 of the line.")

    class Meta:
        model = QuarantinedEvent
        fields = ("id", "reason", "detail", "source", "received_at")


class QuarantineFilter(filters.FilterSet):
    """Filters of the list of quarantined lines."""

    reason = filters.CharFilter(label="Exactly this one.")
    received_after = InstantFilter(field_name="received_at", lookup_expr="gte", label="Then or later.")
    received_before = InstantFilter(field_name="received_at", lookup_expr="lt", label="Earlier.")


class QuarantinedEventResource(Readable):
    """Lines that could not be kept as events. They belong to no tenant: for the platform only."""

    noun = "quarantined event"
    about = "A line from the event bus that is no event we know how to keep. For the platform only."
    queryset = QuarantinedEvent.objects.all()
    serializer_class = QuarantinedEventSerializer
    read_permission = TenantPermission.VIEW_RUNS
    filterset_class = QuarantineFilter
    ordering_fields: ClassVar[dict[str, str]] = {"received_at": "received_at"}
    default_ordering = "-received_at"
    lookup_value_regex = "[0-9a-f]{64}"

    def get_queryset(self) -> QuerySet[Any]:
        """All of them for the platform, none for tenants."""
        rows: QuerySet[Any] = GenericViewSet.get_queryset(self)
        if getattr(self, "swagger_fake_view", False) or principal_of(self.request).of_platform:
            return rows
        return rows.none()

    def versions(self, row: Any) -> list[Any]:
        """They never change."""
        return []
