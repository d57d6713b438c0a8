"""What a tenant says about costs, and what was worked out day by day."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from alerting.owned import Severity
from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7


class ImpactRule(ConfigRow):
    """What something that goes wrong costs the business, beside what providers bill."""

    class Outcome(models.TextChoices):
        """Of which calls, or of incidents."""

        FAILED = "failed", "A call fails"
        BLOCKED = "blocked", "A guardrail blocks a call"
        REGENERATED = "regenerated", "An answer is asked for again"
        INCIDENT = "incident", "A minute of an incident"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="impact_rules")
    name = models.CharField(max_length=64)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.FAILED)
    route = models.CharField(max_length=128, blank=True, default="", help_text="Only calls over it. Empty: all.")
    tag = models.CharField(max_length=64, blank=True, default="", help_text="Only calls with this tag.")
    tag_value = models.CharField(max_length=200, blank=True, default="", help_text="And this value of it.")
    severity = models.CharField(
        max_length=8, choices=Severity, blank=True, default="", help_text="Of incidents: at least so bad. Empty: all."
    )
    nanousd = models.BigIntegerField(
        validators=[MinValueValidator(1)], help_text="Nano-dollars a call, or a minute of an incident."
    )
    enabled = models.BooleanField(default=True)

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="impact_rule_of_tenant",
                violation_error_message="There is a rule of this name already.",
            ),
            models.CheckConstraint(condition=Q(nanousd__gt=0), name="impact_rule_costs_something"),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What is narrowed down fits what is counted.

        Raises:
            ValidationError: it does not.
        """
        if bool(self.tag) != bool(self.tag_value):
            raise ValidationError({"tag_value": "Give a tag with its value, or neither."})
        if self.outcome == self.Outcome.INCIDENT and (self.route or self.tag):
            raise ValidationError({"route": "Incidents are counted as a whole: leave route and tag empty."})
        if self.outcome == self.Outcome.REGENERATED and self.tag:
            raise ValidationError({"tag": "Answers that are asked for again are counted by route, not by tag."})
        if self.outcome != self.Outcome.INCIDENT and self.severity:
            raise ValidationError({"severity": "Only incidents have one."})

    def invalidations(self) -> list[Any]:
        """None: gateways hold no copy."""
        return []


class AdviceDecision(ConfigRow):
    """What somebody decided about a recommendation."""

    class State(models.TextChoices):
        """What follows."""

        DISMISSED = "dismissed", "Dismissed"
        SNOOZED = "snoozed", "Snoozed"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="advice_decisions")
    key = models.CharField(max_length=300, help_text="Of the recommendation.")
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State)
    until = models.DateTimeField(null=True, blank=True, help_text="When it is shown again.")
    note = models.CharField(max_length=300, blank=True, default="")
    decided_by = models.CharField(max_length=200, blank=True, default="", editable=False)

    objects = OfTenant.as_manager()

    class Meta:
        """One of each recommendation."""

        ordering = ("-updated_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=["tenant", "key"], name="advice_decision_once"),
            models.CheckConstraint(
                condition=Q(state="dismissed", until=None) | Q(state="snoozed", until__isnull=False),
                name="advice_snoozed_until",
            ),
        )

    def __str__(self) -> str:
        return self.title

    def invalidations(self) -> list[Any]:
        """None: gateways hold no copy."""
        return []


class KeptCalls(models.Model):
    """What a tenant's calls of a quarter of an hour, an hour or a UTC day came to: sums alone, no call.

    Aligned to UTC as the ledger's rollups are, so that days of every time zone are sums of them. They hold while the
    ledger knows of as many calls as they were worked out from.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    grain = models.PositiveSmallIntegerField(help_text="As events.ledger.grains.Grain has it.")
    start = models.DateTimeField()
    calls = models.BigIntegerField(help_text="That the ledger's rollups knew of.")
    following = models.BigIntegerField(help_text="The same of the quarter of an hour that follows.")
    figures = models.JSONField(help_text="As insights.engine.days.DayFigures has it.")
    computed_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    class Meta:
        """In order."""

        ordering = ("start", "grain")
        verbose_name_plural = "kept calls"
        constraints = (models.UniqueConstraint(fields=["tenant", "grain", "start"], name="kept_calls_once"),)

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M}"


class KeptSavings(models.Model):
    """The last 30 days of a tenant in figures, as they were when they were worked out last: for lists of tenants."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.OneToOneField(Tenant, models.CASCADE, related_name="kept_savings")
    calls = models.BigIntegerField(default=0)
    spent_nanousd = models.BigIntegerField(default=0)
    wasted_nanousd = models.BigIntegerField(default=0, help_text="All kinds together, estimates included.")
    failed_nanousd = models.BigIntegerField(default=0)
    blocked_nanousd = models.BigIntegerField(default=0)
    regenerated_nanousd = models.BigIntegerField(default=0)
    hedged_nanousd = models.BigIntegerField(default=0)
    saving_nanousd = models.BigIntegerField(default=0, help_text="Of the recommendations that nobody has put aside.")
    open_advice = models.PositiveIntegerField(default=0, help_text="How many these are.")
    advice = models.JSONField(default=list, help_text="All recommendations: key, title, saving, and whether open.")
    computed_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    class Meta:
        """Where most was spent in vain first."""

        ordering = ("-wasted_nanousd", "id")
        verbose_name_plural = "kept savings"

    def __str__(self) -> str:
        return f"{self.computed_at:%Y-%m-%d %H:%M}"
