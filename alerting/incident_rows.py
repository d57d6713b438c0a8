"""Alerts that fired, the incidents that they are put together in, and what happened to each of these."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone

from alerting.owned import OwnedRow, Severity, owner
from alerting.rules import AlertRule
from tenants.rows import OfTenantOrPlatform, new_uuid7


class EscalationPolicy(OwnedRow):
    """Who is told when nobody acknowledges an incident for so long."""

    tenant = owner("escalation_policies")
    name = models.CharField(max_length=64)
    steps = models.JSONField(default=list, help_text="In order: minutes after which, and ids of the channels.")
    from_severity = models.CharField(max_length=8, choices=Severity, default=Severity.CRITICAL)
    enabled = models.BooleanField(default=True)

    class Meta:
        """By name."""

        ordering = ("name", "id")
        verbose_name_plural = "escalation policies"
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="escalation_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is an escalation of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Incident(models.Model):
    """Alerts that began together, as one thing that somebody looks after."""

    class State(models.TextChoices):
        """Where it stands."""

        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("incidents")
    title = models.CharField(max_length=200)
    severity = models.CharField(max_length=8, choices=Severity)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    began_at = models.DateTimeField(help_text="The first bad minute.")
    opened_at = models.DateTimeField(default=timezone.now, help_text="When it was noticed.")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True, default="")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=200, blank=True, default="", help_text="Empty: it was over by itself.")
    owner = models.ForeignKey(
        "tenants.User", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Who looks after it."
    )
    silenced = models.BooleanField(default=False, help_text="Nobody was told.")
    opened_times = models.PositiveSmallIntegerField(default=1, help_text="Grows when it begins again.")
    escalated_step = models.PositiveSmallIntegerField(default=0, help_text="Steps of the escalation that were taken.")
    updated_at = models.DateTimeField(auto_now=True)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-began_at", "-id")
        indexes = (models.Index(fields=["tenant", "state", "-began_at"], name="incident_by_state"),)

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state != self.State.RESOLVED


class Alert(models.Model):
    """One time that a rule fired."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("alerts")
    rule = models.ForeignKey(AlertRule, models.SET_NULL, null=True, related_name="alerts")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="alerts")
    name = models.CharField(max_length=64, help_text="The rule's, as it was called.")
    severity = models.CharField(max_length=8, choices=Severity)
    segment = models.CharField(max_length=220, default="all calls")
    signal = models.CharField(max_length=32, blank=True, default="")
    summary = models.CharField(max_length=300)
    value = models.FloatField(null=True, help_text="With which it fired.")
    worst = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    began_at = models.DateTimeField(help_text="The first bad minute.")
    fired_at = models.DateTimeField(help_text="The minute of the data with which it fired.")
    noticed_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first; a rule has one at a time."""

        ordering = ("-began_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["rule"], condition=Q(resolved_at=None, rule__isnull=False), name="alert_of_rule_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class IncidentEntry(models.Model):
    """Something that happened to an incident; written once."""

    class Kind(models.TextChoices):
        """What."""

        OPENED = "opened", "Opened"
        REOPENED = "reopened", "Began again"
        FIRED = "alert_fired", "Alert fired"
        CLEARED = "alert_resolved", "Alert over"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        ASSIGNED = "assigned", "Owner"
        SEVERITY = "severity", "Severity"
        NOTE = "note", "Note"
        ESCALATED = "escalated", "Escalated"
        SILENCED = "silenced", "Silenced"
        ACTION = "action", "Action"
        UNDONE = "action_undone", "Action undone"
        RESOLVED = "resolved", "Resolved"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("incident_entries")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="entries")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=16, choices=Kind)
    actor = models.CharField(max_length=200, blank=True, default="", help_text="Empty: Breakwater itself.")
    text = models.TextField(max_length=10_000, blank=True, default="")

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """In order."""

        ordering = ("at", "id")
        verbose_name_plural = "incident entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Written once.

        Raises:
            TypeError: it is stored already.
        """
        if not self._state.adding:
            _immutable()
        super().save(*args, **kwargs)


def _immutable() -> NoReturn:
    raise TypeError("What happened is not changed; add another entry.")


class Silence(OwnedRow):
    """For how long nobody is told of what; incidents are kept all the same."""

    tenant = owner("silences")
    reason = models.CharField(max_length=300)
    severity = models.CharField(
        max_length=8,
        choices=Severity,
        blank=True,
        default="",
        help_text="Only alerts of this severity or less. Empty: all.",
    )
    rules = models.JSONField(default=list, blank=True, help_text="Ids of the rules. Empty: all.")
    segment = models.CharField(
        max_length=200, blank=True, default="", help_text="Only alerts of this route, model or key."
    )
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    created_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    audit_exclude: ClassVar[frozenset[str]] = frozenset({"created_by"})

    class Meta:
        """Those that end last first."""

        ordering = ("-ends_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")),
                name="silence_ends_after_it_starts",
                violation_error_message="It has to end after it begins.",
            ),
        )

    def __str__(self) -> str:
        return self.reason
