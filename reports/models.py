"""Schedules of reports and who gets them; reports, with what they say; and each message that told of one."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from alerting.attempts import Attempted
from alerting.models import Channel
from alerting.owned import OwnedRow, owner
from evaluation.models import EvalRun
from reports.engine.content import Content
from reports.sections import ALL
from tenants.models import User
from tenants.rows import OfTenantOrPlatform, new_uuid7
from tenants.scheduled import Scheduled


class Kind(models.TextChoices):
    """What a report is about."""

    WEEKLY = "weekly", "The last seven days"
    DAILY = "daily", "The day before"
    MONTHLY = "monthly", "The last four weeks"
    EVALUATION = "evaluation", "Each evaluation run"


class ReportSchedule(Scheduled, OwnedRow):
    """A report that is made again and again, and to whom it goes."""

    scheduled_task: ClassVar[str] = "reports.make_scheduled"
    audit_exclude = Scheduled.OF_THE_CLOCK

    tenant = owner("report_schedules")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WEEKLY)
    sections = ArrayField(models.CharField(max_length=32), default=list, blank=True)

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="report_schedule_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is a report of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def of_runs(self) -> bool:
        """Whether runs make it due, not the calendar."""
        return self.kind == Kind.EVALUATION

    def clean(self) -> None:
        """There are such sections.

        Raises:
            ValidationError: there are not, or it has none.
        """
        super().clean()
        unknown = [key for key in self.sections if key not in ALL]
        if unknown:
            raise ValidationError({"sections": f"There is no section {unknown[0]!r}."})
        if not self.sections and not self.of_runs:
            raise ValidationError({"sections": "Choose at least one section."})


class Recipient(models.Model):
    """A channel, or a member by mail, that gets what a schedule makes."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("report_recipients")
    schedule = models.ForeignKey(ReportSchedule, models.CASCADE, related_name="recipients")
    channel = models.ForeignKey(Channel, models.CASCADE, null=True, blank=True, related_name="reports")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="reports")

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """Each once."""

        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["schedule", "channel"], name="report_recipient_channel_once"),
            models.UniqueConstraint(fields=["schedule", "user"], name="report_recipient_user_once"),
            models.CheckConstraint(
                condition=Q(channel=None, user__isnull=False) | Q(channel__isnull=False, user=None),
                name="report_recipient_is_one",
            ),
        )

    def __str__(self) -> str:
        return str(self.channel or self.user)


class Report(models.Model):
    """One report. What it says is frozen: pages, mails and files draw the same facts, whenever they are asked for."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "Being made"
        MADE = "made", "Made"
        FAILED = "failed", "Not made"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("reports")
    schedule = models.ForeignKey(ReportSchedule, models.SET_NULL, null=True, related_name="reports")
    run = models.ForeignKey(EvalRun, models.SET_NULL, null=True, related_name="reports")
    slot = models.DateTimeField(null=True, help_text="When it was due; empty: somebody asked for it.")
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=120)
    sections = ArrayField(models.CharField(max_length=32), default=list)
    start = models.DateTimeField()
    end = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    send = models.BooleanField(default=True, help_text="Whether it is sent once it is made.")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    requested_by = models.CharField(max_length=200)
    requested_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")
    todos = models.PositiveSmallIntegerField(default=0)
    content = models.JSONField(null=True, help_text="reports.engine.content.Content")

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first; each time and each run of a schedule has one."""

        ordering = ("-requested_at", "-id")
        indexes = (models.Index(fields=["next_try_at"], name="reports_to_make", condition=Q(state="waiting")),)
        constraints = (
            models.UniqueConstraint(fields=["schedule", "slot"], name="report_of_time_once"),
            models.UniqueConstraint(
                fields=["schedule", "run"], condition=Q(slot=None, send=True), name="report_of_run_once"
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def says(self) -> Content:
        """What it says.

        Raises:
            ValueError: it is not made.
        """
        if self.content is None:
            raise ValueError("The report is not made yet.")
        return Content.of_plain(self.content)


class ReportDelivery(Attempted):
    """One message with a report: waiting, taken, or given up."""

    tenant = owner("report_deliveries")
    report = models.ForeignKey(Report, models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    to = models.CharField(max_length=160, help_text="What may be seen of where it goes.")

    class Meta:
        """The newest first; each is told once of a report."""

        ordering = ("-created_at", "-id")
        verbose_name_plural = "report deliveries"
        indexes = (models.Index(fields=["next_try_at"], name="report_delivery_due", condition=Q(outcome="waiting")),)
        constraints = (
            models.UniqueConstraint(fields=["report", "channel"], name="report_told_channel_once"),
            models.UniqueConstraint(fields=["report", "user"], name="report_told_user_once"),
        )

    def __str__(self) -> str:
        return f"{self.report_id} to {self.to}"

    @property
    def kind(self) -> str:
        """``email`` or ``slack``."""
        channel: Any = self.channel
        return "email" if channel is None else str(channel.kind)
