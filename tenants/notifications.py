"""Who is told, by mail or in Slack, when a budget reaches one of its thresholds."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.invalidation import Invalidation
from tenants.rows import ConfigRow, OfTenant


class NotificationAddress(ConfigRow):
    """A person, a mailing list, or a channel in Slack; it need not be a member's."""

    class Kind(models.TextChoices):
        """How it is told."""

        EMAIL = "email", "E-mail"
        SLACK = "slack", "Slack"

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="notification_addresses")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.EMAIL)
    email = models.EmailField("e-mail address", blank=True, default="")
    channel = models.CharField(max_length=80, blank=True, default="", help_text="Of Slack: what people call it.")
    webhook = models.ForeignKey(
        "tenants.StoredSecret",
        models.RESTRICT,
        null=True,
        blank=True,
        related_name="notification_addresses",
        help_text="Of Slack: the secret that holds the incoming webhook's URL.",
    )
    webhook_shown = models.CharField(
        max_length=120, blank=True, default="", editable=False, help_text="The webhook's URL without what is secret."
    )
    from_percent = models.PositiveSmallIntegerField(
        "from",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1_000)],
        help_text="Thresholds from this percentage of a budget on are told.",
    )

    objects = OfTenant.as_manager()

    class Meta:
        """By address."""

        ordering = ("tenant", "kind", "email", "channel")
        constraints = (
            models.UniqueConstraint(
                "tenant",
                Lower("email"),
                name="notification_address_unique",
                condition=Q(kind="email"),
                violation_error_message="This address is told already.",
            ),
            models.CheckConstraint(
                name="notification_address_of_its_kind",
                condition=(Q(kind="email", webhook=None) & ~Q(email=""))
                | (Q(kind="slack", email="", webhook__isnull=False) & ~Q(channel="")),
            ),
            models.CheckConstraint(
                name="notification_address_percent_in_range", condition=Q(from_percent__range=(1, 1_000))
            ),
        )

    def __str__(self) -> str:
        return self.email or f"Slack, {self.channel}"

    @property
    def told(self) -> str:
        """What it is told of, in words."""
        if self.from_percent <= 1:
            return "Every threshold of every budget"
        return f"Thresholds from {self.from_percent}% on"

    def invalidations(self) -> list[Invalidation]:
        """None: the data plane tells nobody."""
        return []


class BudgetNotice(models.Model):
    """What was sent: of which event, to whom, so that nothing is sent twice."""

    id = models.BigAutoField(primary_key=True)
    address = models.ForeignKey(NotificationAddress, models.CASCADE, related_name="notices")
    event_id = models.UUIDField(default=uuid.uuid4)
    sent_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        """One an event and address."""

        constraints = (models.UniqueConstraint(fields=["address", "event_id"], name="budget_notice_once"),)

    def __str__(self) -> str:
        return f"{self.event_id} to {self.address_id}"
