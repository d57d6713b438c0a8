"""Where people are told, and what was delivered there."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from alerting.attempts import Attempted
from alerting.incident_rows import Incident
from alerting.owned import OwnedRow, Severity, owner


class Channel(OwnedRow):
    """An address, a channel in Slack, a service of PagerDuty, or an address of one's own program."""

    class Kind(models.TextChoices):
        """How it is told."""

        EMAIL = "email", "E-mail"
        SLACK = "slack", "Slack"
        PAGERDUTY = "pagerduty", "PagerDuty"
        WEBHOOK = "webhook", "Webhook"

    tenant = owner("alert_channels")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=Kind)
    enabled = models.BooleanField(default=True)
    from_severity = models.CharField(
        max_length=8, choices=Severity, default=Severity.WARNING, help_text="Incidents below it are not told here."
    )
    on_escalation_only = models.BooleanField(
        default=False, help_text="Told only when an escalation comes to it, not of every incident."
    )
    address = models.CharField(
        max_length=500, blank=True, default="", help_text="The e-mail address, or the URL of the program."
    )
    secret = models.ForeignKey(
        "tenants.StoredSecret",
        models.RESTRICT,
        null=True,
        blank=True,
        editable=False,
        related_name="alert_channels",
        help_text="Slack's webhook, PagerDuty's routing key, or what the webhook is signed with.",
    )
    shown = models.CharField(
        max_length=160, blank=True, default="", editable=False, help_text="What may be seen of it."
    )

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="alert_channel_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is a channel of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(kind="email", secret=None) | (~Q(kind="email") & Q(secret__isnull=False)),
                name="alert_channel_has_its_secret",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Delivery(Attempted):
    """One message to one channel: waiting, taken, or given up."""

    tenant = owner("alert_deliveries")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    incident = models.ForeignKey(Incident, models.CASCADE, null=True, related_name="deliveries")
    what = models.CharField(
        max_length=40,
        help_text="opened, acknowledged, resolved or escalated, with a number where it comes again; test.",
    )

    class Meta:
        """The newest first; each change of an incident is told once."""

        ordering = ("-created_at", "-id")
        verbose_name_plural = "deliveries"
        indexes = (models.Index(fields=["next_try_at"], name="delivery_due", condition=Q(outcome="waiting")),)
        constraints = (models.UniqueConstraint(fields=["channel", "incident", "what"], name="delivery_once"),)

    def __str__(self) -> str:
        return f"{self.what} to {self.channel_id}"

    @property
    def told(self) -> str:
        """What it is about, in words."""
        what, _, number = self.what.partition(":")
        words = {"opened": "Opened", "acknowledged": "Acknowledged", "resolved": "Resolved", "escalated": "Escalated"}
        if what == "escalated":
            return f"Escalated, step {number.partition('.')[2]}"
        return words.get(what, "Test") if number in ("", "1") else f"{words.get(what, 'Test')}, time {number}"

    @property
    def shown_at(self) -> datetime:
        """When it ended, or was asked for."""
        return self.ended_at or self.created_at
