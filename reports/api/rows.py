"""Reports and their schedules over the management API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refusal
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.models import Channel
from reports.models import Kind, Report, ReportSchedule
from reports.sections import ALL
from reports.services import (
    ask_for_report,
    create_report_schedule,
    delete_report_schedule,
    send_report,
    update_report_schedule,
)
from tenants.models import User
from tenants.rest.filters import TenantRowFilter, by_age
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenantOrPlatform, RelatedRow, RowSerializer, StrictSerializer, valid
from tenants.roles import TenantPermission
from tenants.scheduled import CADENCE_FIELDS


class ReportScheduleSerializer(RowSerializer):
    """A report that is made again and again."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    kind = serializers.ChoiceField(choices=Kind.choices, default=Kind.WEEKLY.value)
    sections = serializers.ListField(
        child=serializers.ChoiceField(choices=list(ALL)), required=False, help_text="All unless given."
    )
    channels = serializers.ListField(
        child=RelatedRow(queryset=Channel.objects.all()),
        required=False,
        max_length=50,
        write_only=True,
        help_text="Ids of channels by e-mail or Slack.",
    )
    members = serializers.ListField(
        child=serializers.CharField(max_length=150),
        required=False,
        max_length=50,
        write_only=True,
        help_text="User names of members, who get it by mail.",
    )
    recipients = serializers.SerializerMethodField(help_text="Names of channels and members.")
    next_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = ReportSchedule
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "kind", "sections", *CADENCE_FIELDS, "enabled", "channels", "members"),
            *("recipients", "next_at"),
        )
        validators: ClassVar[list[Any]] = []

    def get_recipients(self, row: ReportSchedule) -> list[str]:
        """In the order in which they were added."""
        rows = row.recipients.filter(tenant=row.tenant_id).select_related("channel", "user")
        return [str(one) for one in rows]

    def create(self, validated_data: dict[str, Any]) -> ReportSchedule:
        """Due the next time that it says."""
        return create_report_schedule(**_chosen({"tenant": None, **validated_data}))

    def update(self, instance: ReportSchedule, validated_data: dict[str, Any]) -> ReportSchedule:
        """Beat is told."""
        return update_report_schedule(schedule=instance, **_chosen(validated_data))


def _chosen(sent: dict[str, Any]) -> dict[str, Any]:
    """Members by their names; who there is none of is refused by the service, as anybody else's member is.

    Raises:
        ValidationError: there is no such user.
    """
    if "members" not in sent:
        return sent
    names = sent.pop("members")
    found = list(User.objects.filter(username__in=names))
    missing = sorted(set(names) - {one.username for one in found})
    if missing:
        raise ValidationError({"members": [f"Nobody here is called {missing[0]!r}."]})
    return {**sent, "users": found}


class ReportScheduleResource(Readable, Creatable, Changeable, Deletable):
    """Schedules of reports."""

    noun = "report schedule"
    about = "What is reported when, in the tenant's time zone, and who gets it."
    example: ClassVar[dict[str, Any]] = {"name": "Monday", "kind": "weekly", "every": "weekly", "weekday": 0, "hour": 7}
    queryset = ReportSchedule.objects.all()
    serializer_class = ReportScheduleSerializer
    read_permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)

    def remove(self, row: ReportSchedule) -> None:
        """Reports stay."""
        delete_report_schedule(schedule=row)


class ReportSerializer(serializers.ModelSerializer[Report]):
    """A report; what it says is there once it is made."""

    schedule_id = serializers.UUIDField(allow_null=True)
    content = serializers.DictField(
        allow_null=True, help_text="Sections with figures, tables, charts and what is to be done; null until made."
    )

    class Meta:
        model = Report
        fields = (
            *("id", "tenant_id", "schedule_id", "kind", "title", "start", "end", "state", "error", "todos"),
            *("requested_by", "requested_at", "made_at", "content"),
        )
        read_only_fields = fields


class NewReportSerializer(StrictSerializer):
    """A report to make now."""

    schedule_id = RelatedRow(queryset=ReportSchedule.objects.all())
    send = serializers.BooleanField(default=False, help_text="To all recipients of the schedule.")


class SentSerializer(serializers.Serializer[Any]):
    """How many it is on its way to."""

    recipients = serializers.IntegerField()


class ReportFilter(TenantRowFilter):
    """Filters of the list of reports."""

    created_after, created_before = by_age("requested_at", "Asked for")


class ReportResource(Readable):
    """Reports."""

    noun = "report"
    about = "What changed, by how much and how surely, what it cost, and what to do."
    queryset = Report.objects.all()
    serializer_class = ReportSerializer
    # Reports hold costs; pages show each reader what their role allows, programs get all or nothing.
    read_permission = TenantPermission.VIEW_COSTS
    write_permission = TenantPermission.MANAGE_ALERTS
    filterset_class = ReportFilter
    search_fields = ("title",)

    def versions(self, row: Report) -> list[Any]:
        """It is made once."""
        return [row.state, row.todos]

    @extend_schema(
        summary="Make a report now",
        description="Up to now, by a worker: ask for it again until its state is `made`.",
        request=NewReportSerializer,
        responses={201: ReportSerializer},
    )
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of the schedule that is named."""
        sent = valid(NewReportSerializer, request)
        schedule: ReportSchedule = sent["schedule_id"]
        require(request, TenantPermission.MANAGE_ALERTS, schedule.tenant_id)
        try:
            report = ask_for_report(schedule=schedule, send=sent["send"])
        except Refusal as refusal:
            raise ValidationError({"non_field_errors": refusal.messages}) from refusal
        return self.shown(self.saved(report), 201)

    @extend_schema(
        summary="Send a report",
        description="To those recipients of its schedule that did not get it yet.",
        request=None,
        responses={200: SentSerializer},
    )
    @action(detail=True, methods=["post"])
    def send(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Each gets it once."""
        row: Report = self.get_object()
        require(request, TenantPermission.MANAGE_ALERTS, row.tenant_id)
        try:
            return Response({"recipients": send_report(report=row)})
        except Refusal as refusal:
            raise ValidationError({"non_field_errors": refusal.messages}) from refusal
