"""Channels and escalations over the management API. Secrets are taken, and shown to nobody but once."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting import channel_services, sending, services
from alerting.channel_rows import Channel, Delivery
from alerting.incident_rows import EscalationPolicy
from alerting.owned import Severity
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenantOrPlatform, RowSerializer, StrictSerializer
from tenants.roles import TenantPermission


class ChannelSerializer(RowSerializer):
    """Who is told, and how."""

    fixed = ("tenant_id", "kind")
    tenant_id = OwnTenantOrPlatform()
    address = serializers.CharField(
        max_length=500, required=False, help_text="The e-mail address, or the URL of the program. Other kinds: none."
    )
    secret = serializers.CharField(
        max_length=500,
        required=False,
        write_only=True,
        help_text="Slack's incoming webhook, or PagerDuty's routing key. Stored encrypted, never shown again.",
    )
    signing_secret = serializers.CharField(
        read_only=True,
        allow_null=True,
        default=None,
        help_text="Of a new webhook: what its messages are signed with, this once.",
    )

    class Meta:
        model = Channel
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "kind", "address", "secret", "shown", "from_severity"),
            *("on_escalation_only", "enabled", "signing_secret"),
        )
        read_only_fields = ("shown",)
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Channel:
        """Told of the next incident; the view shows a webhook's secret."""
        row, self.secret_to_show = channel_services.create_channel(**validated_data)
        return row

    def update(self, instance: Channel, validated_data: dict[str, Any]) -> Channel:
        """Without an address or a secret, those that there are stay."""
        return channel_services.change_channel(channel=instance, **validated_data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """PUT replaces what may be seen; an address is not unsaid."""
        given = super().validate(attrs)
        return {name: value for name, value in given.items() if name != "address" or value}


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One message, and what came of it."""

    class Meta:
        model = Delivery
        fields = ("id", "what", "outcome", "status", "error", "created_at", "ended_at")
        read_only_fields = fields


class ChannelResource(Readable, Creatable, Changeable, Deletable):
    """Channels."""

    noun = "alert channel"
    about = "An e-mail address, a channel in Slack, a service of PagerDuty or a program that is told of incidents."
    example: ClassVar[dict[str, Any]] = {"name": "On call", "kind": "email", "address": "oncall@example.org"}
    queryset = Channel.objects.all()
    serializer_class = ChannelSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    def add(self, serializer: Any) -> tuple[Any, dict[str, Any]]:
        """With the secret of a webhook, which is not shown again."""
        row = serializer.save()
        shown = serializer.secret_to_show
        return row, {"signing_secret": shown} if shown else {}

    @extend_schema(
        summary="Send a test to a channel",
        description="One message that says that it is a test, sent at once and not tried again.",
        request=None,
        responses={200: DeliverySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def test(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Says what came of it."""
        row: Channel = self.get_object()
        require(request, TenantPermission.MANAGE_ALERTS, row.tenant_id)
        return Response(DeliverySerializer(sending.send_test(row)).data)

    def remove(self, row: Channel) -> None:
        """With its secret, and what is known of its deliveries."""
        channel_services.delete_channel(channel=row)


class StepSerializer(StrictSerializer):
    """After how long which channels are told."""

    after_minutes = serializers.IntegerField(min_value=1, max_value=1_440)
    channels = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=20, help_text="Ids.")


class EscalationSerializer(RowSerializer):
    """Who is told when nobody acknowledges."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    steps = StepSerializer(many=True, help_text=f"One to {services.MOST_STEPS}; put in order.")
    from_severity = serializers.ChoiceField(choices=Severity.choices, required=False, default=Severity.CRITICAL.value)

    class Meta:
        model = EscalationPolicy
        fields = (*ROW_FIELDS, "tenant_id", "name", "from_severity", "enabled", "steps")
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> EscalationPolicy:
        """In force for incidents that are open now."""
        row = EscalationPolicy(tenant=validated_data.pop("tenant", None))
        return services.save_escalation(policy=row, **_plain(validated_data))

    def update(self, instance: EscalationPolicy, validated_data: dict[str, Any]) -> EscalationPolicy:
        """Steps that were taken stay taken."""
        return services.save_escalation(policy=instance, **_plain(validated_data))


class EscalationResource(Readable, Creatable, Changeable, Deletable):
    """Escalations."""

    noun = "escalation"
    about = "Further channels are told, step after step, while nobody acknowledges an incident."
    example: ClassVar[dict[str, Any]] = {
        "name": "Nobody looks",
        "from_severity": "critical",
        "steps": [{"after_minutes": 10, "channels": ["0198c0de-0000-7000-8000-000000000000"]}],
    }
    queryset = EscalationPolicy.objects.all()
    serializer_class = EscalationSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """As rows keep steps."""
    if "steps" in given:
        given["steps"] = [{**step, "channels": [str(one) for one in step["channels"]]} for step in given["steps"]]
    return given
