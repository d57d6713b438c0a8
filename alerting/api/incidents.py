"""Incidents over the management API: read, acknowledged, resolved, and written about."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from alerting import incidents
from alerting.api.causes import CausesSerializer
from alerting.causes.selecting import causes_of
from alerting.incident_rows import Alert, Incident, IncidentEntry
from alerting.owned import Severity
from tenants.rest.filters import TenantRowFilter, by_age
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Readable
from tenants.rest.serializers import EmptySerializer, StrictSerializer, valid
from tenants.roles import TenantPermission


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """One time that a rule fired."""

    class Meta:
        model = Alert
        fields = (
            *("id", "rule_id", "name", "severity", "segment", "signal", "summary", "value", "worst", "threshold"),
            *("began_at", "fired_at", "resolved_at"),
        )
        read_only_fields = fields


class IncidentEntrySerializer(serializers.ModelSerializer[IncidentEntry]):
    """Something that happened."""

    class Meta:
        model = IncidentEntry
        fields = ("at", "kind", "actor", "text")
        read_only_fields = fields


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """Alerts that began together."""

    tenant_id = serializers.UUIDField(read_only=True, allow_null=True)
    owner = serializers.CharField(source="owner.username", read_only=True, allow_null=True, default=None)
    alerts = serializers.SerializerMethodField()

    class Meta:
        model = Incident
        fields = (
            *("id", "tenant_id", "title", "severity", "state", "began_at", "opened_at", "acknowledged_at"),
            *("acknowledged_by", "resolved_at", "resolved_by", "owner", "silenced", "opened_times", "alerts"),
        )
        read_only_fields = fields

    @extend_schema_field(AlertSerializer(many=True))
    def get_alerts(self, row: Incident) -> Any:
        """The newest first."""
        return AlertSerializer(row.alerts.filter(tenant=row.tenant_id), many=True).data


class IncidentNoteSerializer(StrictSerializer):
    """What goes into the timeline."""

    text = serializers.CharField(max_length=10_000)


class IncidentFilter(TenantRowFilter):
    """Filters of the list of incidents."""

    created_after, created_before = by_age("opened_at", "Opened")
    state = filters.ChoiceFilter(choices=Incident.State.choices, label="Where it stands.")
    severity = filters.ChoiceFilter(choices=Severity.choices, label="How bad it is.")


class IncidentResource(Readable):
    """Incidents."""

    noun = "incident"
    about = "Alerts that began together, as one thing that somebody looks after."
    queryset = Incident.objects.select_related("tenant", "owner")
    serializer_class = IncidentSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    filterset_class = IncidentFilter
    action_permissions: ClassVar[dict[str, TenantPermission]] = {
        "timeline": TenantPermission.VIEW_USAGE,
        "causes": TenantPermission.VIEW_USAGE,
    }
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "began_at": "began_at"}
    search_fields = ("title",)

    def owner_of(self, row: Incident) -> Any:
        """The tenant; None: the platform."""
        return row.tenant_id

    @extend_schema(
        summary="List what happened to an incident",
        description="In order.",
        responses={200: IncidentEntrySerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def timeline(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """All entries."""
        row: Incident = self.get_object()
        return Response(IncidentEntrySerializer(row.entries.filter(tenant=row.tenant_id), many=True).data)

    @extend_schema(
        summary="Read why an incident happened",
        description="Which calls explain the change, what changed before, what it is like. Worked out soon after "
        "its opening, anew while it goes on, and once more at its end. Costs take the permission to see them.",
        responses={200: CausesSerializer},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def causes(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The evidence; 404 where nothing was worked out yet."""
        row: Incident = self.get_object()
        found = causes_of(row)
        if found is None:
            raise NotFound("Nothing was worked out yet.")
        if found[1].unit == "money":
            require(request, TenantPermission.VIEW_COSTS, row.tenant_id)
        return Response(CausesSerializer(found[0]).data)

    @extend_schema(
        summary="Write into an incident's timeline",
        description="A note.",
        request=IncidentNoteSerializer,
        responses={201: IncidentEntrySerializer},
    )
    @timeline.mapping.post
    @idempotent
    def add_note(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A note."""
        with transaction.atomic():
            # Of whom one may not see nothing is said, not even what is wrong with the body.
            row = self.locked()
            entry = incidents.add_note(incident=row, **valid(IncidentNoteSerializer, request))
        return Response(IncidentEntrySerializer(entry).data, status=201)

    @extend_schema(
        summary="Acknowledge an incident",
        description="Nobody further is told.",
        request=EmptySerializer,
        responses={200: IncidentSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def acknowledge(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller looks at it."""
        with transaction.atomic():
            return self.shown(incidents.acknowledge(incident=self.locked()))

    @extend_schema(
        summary="Resolve an incident",
        description="Its alerts are closed with it.",
        request=EmptySerializer,
        responses={200: IncidentSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def resolve(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """It is over."""
        with transaction.atomic():
            return self.shown(incidents.resolve(incident=self.locked()))
