"""Schedules of runs, and each time that one was due."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from tenants.rows import ConfigRow, OfTenant, new_uuid7
from tenants.scheduled import Scheduled


class RunSchedule(Scheduled, ConfigRow):
    """A run as the form has it, to be started again and again."""

    scheduled_task: ClassVar[str] = "evaluation.run_scheduled"
    audit_exclude = Scheduled.OF_THE_CLOCK

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="run_schedules")
    name = models.CharField(max_length=100)
    golden_set = models.ForeignKey("evaluation.GoldenSet", models.CASCADE, related_name="schedules")
    version = models.ForeignKey(
        "evaluation.GoldenVersion",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the newest, whatever it is by then.",
    )
    split = models.CharField(max_length=32, blank=True, default="")
    variants = models.JSONField(default=list, help_text="As a run takes them, with ids of policies.")
    evaluators = models.JSONField(default=list, blank=True, help_text="Ids.")
    concurrency = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1), MaxValueValidator(32)], help_text="Items at once."
    )
    max_output_tokens = models.PositiveIntegerField(default=1_024, validators=[MinValueValidator(1)])
    budget_nanousd = models.BigIntegerField(null=True, blank=True, validators=[MinValueValidator(0)])
    judge_budget_nanousd = models.BigIntegerField(null=True, blank=True, validators=[MinValueValidator(0)])
    gate = models.ForeignKey(
        "evaluation.Gate",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="schedules",
        help_text="Each run is held to it, against the run before.",
    )
    author = models.CharField(max_length=200, editable=False)

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="run_schedule_of_tenant",
                violation_error_message="There is a schedule of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def invalidations(self) -> list[Any]:
        """None: no compiled copy has it."""
        return []


class ScheduledRun(models.Model):
    """One time that a schedule was due: the run that was started, or why none was."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="scheduled_runs")
    schedule = models.ForeignKey(RunSchedule, models.CASCADE, related_name="times")
    slot = models.DateTimeField(help_text="When it was due.")
    at = models.DateTimeField(default=timezone.now, help_text="When that was looked at.")
    run = models.OneToOneField(
        "evaluation.EvalRun", models.SET_NULL, null=True, blank=True, related_name="scheduled_as"
    )
    error = models.CharField(max_length=300, blank=True, default="", help_text="Why no run was started.")
    compared_at = models.DateTimeField(null=True, help_text="When the gate was asked, or found to have no say.")
    gate_outcome = models.JSONField(null=True, help_text="What the gate said; null: nothing.")
    gate_note = models.CharField(max_length=300, blank=True, default="", help_text="Why the gate has no say.")

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first; each time is taken once."""

        ordering = ("-slot",)
        constraints = (models.UniqueConstraint(fields=["schedule", "slot"], name="scheduled_run_once"),)
        indexes = (models.Index(fields=["at"], name="scheduled_runs_to_compare", condition=models.Q(compared_at=None)),)

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.slot:%Y-%m-%d %H:%M}"
