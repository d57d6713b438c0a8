"""Causes of incidents, and deployments that are told of, over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from rest_framework import serializers

from alerting.causes.deployments import record_deployment
from alerting.causes.rows import Deployment, IncidentCauses
from tenants.rest.filters import TenantRowFilter, by_age
from tenants.rest.resources import ROW_ORDERINGS, Creatable, Readable
from tenants.rest.serializers import OwnTenantOrPlatform, RowSerializer
from tenants.roles import TenantPermission


class SegmentPartSerializer(serializers.Serializer[Any]):
    """One value of one dimension."""

    dimension = serializers.CharField(help_text="`route`, `provider`, `model`, `team`, `key`, `tag:<name>`, ...")
    value = serializers.CharField()
    name = serializers.CharField(allow_blank=True, help_text="Of an id, where it is known.")


class ExplainedSerializer(serializers.Serializer[Any]):
    """A segment, and what it has to do with the change."""

    parts = SegmentPartSerializer(many=True)
    calls_before = serializers.FloatField(help_text="A minute.")
    calls_now = serializers.FloatField()
    before = serializers.FloatField(allow_null=True, help_text="The segment's own figure.")
    now = serializers.FloatField(allow_null=True)
    rate_effect = serializers.FloatField(help_text="Added to the change because these calls fare differently.")
    mix_effect = serializers.FloatField(help_text="Added because there are more or fewer of them.")
    share = serializers.FloatField(help_text="Of the change, that is not there without these calls.")
    weight = serializers.FloatField(help_text="Share of the calls.")
    p = serializers.FloatField(help_text="That it is chance, corrected for all segments that were looked at.")
    blamed = serializers.BooleanField(help_text="Stands out.")


class FailuresSerializer(serializers.Serializer[Any]):
    """Failures with one code, a minute."""

    code = serializers.CharField()
    before = serializers.FloatField()
    now = serializers.FloatField()


class HappenedSerializer(serializers.Serializer[Any]):
    """Something that changed around the beginning."""

    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="`deployment`, `configuration`, `policy`, `price`, `key`, `breaker`, ...")
    text = serializers.CharField()
    actor = serializers.CharField(allow_blank=True)
    link = serializers.CharField(allow_blank=True)
    minutes_before = serializers.FloatField()
    concerns = serializers.BooleanField(help_text="It names what explains the change.")
    score = serializers.FloatField()


class SimilarSerializer(serializers.Serializer[Any]):
    """An earlier incident of the same owner."""

    incident_id = serializers.UUIDField()
    title = serializers.CharField()
    began_at = serializers.DateTimeField()
    lasted_s = serializers.IntegerField(allow_null=True)
    severity = serializers.CharField()
    score = serializers.FloatField()
    why = serializers.ListField(child=serializers.CharField())
    ended = serializers.CharField(allow_blank=True)


class EvidenceSerializer(serializers.Serializer[Any]):
    """Which calls explain an incident, what changed before, what it is like."""

    version = serializers.IntegerField()
    computed_at = serializers.DateTimeField()
    signal = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField()
    measure = serializers.CharField(allow_blank=True, help_text="`share`, `mean`, `total`; empty: not split.")
    segment = serializers.CharField()
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()
    reference = serializers.CharField(allow_blank=True)
    before = serializers.FloatField(allow_null=True)
    now = serializers.FloatField(allow_null=True)
    calls_before = serializers.FloatField()
    calls_now = serializers.FloatField()
    p = serializers.FloatField(allow_null=True)
    tested = serializers.IntegerField()
    segments = ExplainedSerializer(many=True)
    inside = ExplainedSerializer(many=True)
    outcomes = FailuresSerializer(many=True)
    happened = HappenedSerializer(many=True)
    similar = SimilarSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    took_ms = serializers.IntegerField()


class CausesSerializer(serializers.ModelSerializer[IncidentCauses]):
    """What was found out about an incident."""

    evidence = EvidenceSerializer()

    class Meta:
        model = IncidentCauses
        fields = ("incident_id", "computed_at", "final", "evidence", "summary", "summary_model", "summary_at")
        read_only_fields = fields


class DeploymentSerializer(RowSerializer):
    """A version of something that went live."""

    tenant_id = OwnTenantOrPlatform()
    deployed_at = serializers.DateTimeField(required=False, help_text="Now, unless it is given.")

    class Meta:
        model = Deployment
        fields = (
            *("id", "created_at", "tenant_id", "service", "version", "environment", "note", "link", "deployed_at"),
            "recorded_by",
        )
        read_only_fields = ("recorded_by",)

    def create(self, validated_data: dict[str, Any]) -> Deployment:
        """Audited, and told as an event."""
        return record_deployment(**validated_data)


class DeploymentFilter(TenantRowFilter):
    """Filters of the list of deployments."""

    created_after, created_before = by_age("deployed_at", "Deployed")
    service = filters.CharFilter(label="Of this service.")
    environment = filters.CharFilter(label="To this environment.")


class DeploymentResource(Readable, Creatable):
    """Deployments, told of by whoever deploys: causes of incidents name them."""

    noun = "deployment"
    about = "A version of something that went live. Causes of incidents name what was deployed shortly before."
    example: ClassVar[dict[str, Any]] = {"service": "checkout", "version": "2.14.0", "environment": "production"}
    queryset = Deployment.objects.all()
    serializer_class = DeploymentSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    filterset_class = DeploymentFilter
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "deployed_at": "deployed_at"}
    search_fields = ("service", "version", "note")

    def owner_of(self, row: Any) -> Any:
        """The tenant; None: the platform."""
        return row.tenant_id

    def versions(self, row: Any) -> list[Any]:
        """It never changes."""
        return [row.created_at.isoformat()]
