"""Actions of alerts, and each time that one was taken."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from alerting.channel_rows import Channel
from alerting.incident_rows import Alert, Incident
from alerting.owned import OwnedRow, Severity, owner
from alerting.rules import AlertRule
from guardrails.models import Policy
from routing.models import Route, Target
from tenants.rows import OfTenantOrPlatform, new_uuid7


def _between(least: int, most: int) -> list[Any]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class AlertAction(OwnedRow):
    """What is done while a rule fires, and how often at most."""

    class Kind(models.TextChoices):
        """What."""

        DRAIN = "drain_target", "Drain a target"
        BREAKER = "open_breaker", "Open a target's circuit"
        DEGRADE = "degrade_route", "Switch a route to degraded mode"
        POLICY = "roll_back_policy", "Roll back a guardrail policy"
        ROUTE = "roll_back_route", "Roll back an experiment"
        HOOK = "call_hook", "Call a rollback hook"

    tenant = owner("alert_actions")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind)
    rule = models.ForeignKey(
        AlertRule, models.CASCADE, null=True, blank=True, related_name="actions", help_text="Empty: any of the owner's."
    )
    from_severity = models.CharField(
        max_length=8, choices=Severity, default=Severity.CRITICAL, help_text="Alerts below it are left alone."
    )
    route = models.ForeignKey(
        Route, models.CASCADE, null=True, blank=True, related_name="+", help_text="To roll back; or the targets'."
    )
    target = models.ForeignKey(
        Target, models.CASCADE, null=True, blank=True, related_name="+", help_text="To drain, or whose circuit opens."
    )
    keep = ArrayField(
        models.UUIDField(),
        default=list,
        blank=True,
        help_text="Of degraded mode: ids of the targets of one route that serve it then, and no others.",
    )
    policy = models.ForeignKey(
        Policy, models.CASCADE, null=True, blank=True, related_name="+", help_text="To roll back by a version."
    )
    channel = models.ForeignKey(
        Channel, models.CASCADE, null=True, blank=True, related_name="+", help_text="The webhook that is called."
    )
    within_minutes = models.PositiveSmallIntegerField(
        default=60,
        validators=_between(1, 1_440),
        help_text="Of rolling back a route: changes so long before the alert are taken back, older ones never.",
    )
    dry_run = models.BooleanField(default=True, help_text="Only say what would be done.")
    enabled = models.BooleanField(default=True)
    after_minutes = models.PositiveSmallIntegerField(
        default=5, validators=_between(0, 1_440), help_text="So long the alert has to hold."
    )
    max_per_hour = models.PositiveSmallIntegerField(default=1, validators=_between(1, 60))
    max_per_day = models.PositiveSmallIntegerField(default=3, validators=_between(1, 100))
    cooldown_minutes = models.PositiveSmallIntegerField(
        default=30, validators=_between(0, 10_080), help_text="Between two times, and after an undo."
    )
    open_minutes = models.PositiveSmallIntegerField(
        default=10, validators=_between(1, 120), help_text="Of circuits: then calls probe the target."
    )
    undo_on_clear = models.BooleanField(default=False, help_text="Undo it when the alert is over.")
    configured_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    audit_exclude: ClassVar[frozenset[str]] = frozenset({"configured_by"})

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="alert_action_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is an action of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """It has what its kind acts upon, of the same owner.

        Raises:
            ValidationError: something is missing, or somebody else's.
        """
        if self.rule is not None and self.rule.tenant_id != self.tenant_id:
            raise ValidationError({"rule": "The rule belongs to somebody else."})
        if self.kind in (self.Kind.DRAIN, self.Kind.BREAKER):
            self._check("target", self.target, self.target.route.tenant_id if self.target else None)
        elif self.kind in (self.Kind.DEGRADE, self.Kind.ROUTE):
            field = "keep" if self.kind == self.Kind.DEGRADE else "route"
            self._check(field, self.route, self.route.tenant_id if self.route else None)
        elif self.kind == self.Kind.POLICY:
            self._check("policy", self.policy, self.policy.tenant_id if self.policy else None)
        elif self.kind == self.Kind.HOOK:
            self._check("channel", self.channel, self.channel.tenant_id if self.channel else None)
            if self.channel is not None and self.channel.kind != Channel.Kind.WEBHOOK:
                raise ValidationError({"channel": "Choose a webhook: others take messages for people."})

    def _check(self, field: str, found: Any, owner_id: Any) -> None:
        if found is None:
            raise ValidationError({field: "Say which."})
        if owner_id != self.tenant_id:
            raise ValidationError({field: "It belongs to somebody else."})


class ActionRun(models.Model):
    """One alert, one action: what was done, or why it was not; at most once for each pair."""

    class State(models.TextChoices):
        """How it went."""

        STARTED = "started", "Under way"
        DONE = "done", "Done"
        WOULD = "would", "Dry run"
        REFUSED = "refused", "Not done"
        FAILED = "failed", "Failed"
        UNDONE = "undone", "Undone"
        SUPERSEDED = "superseded", "Changed since"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("alert_action_runs")
    action = models.ForeignKey(AlertAction, models.SET_NULL, null=True, related_name="runs")
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="action_runs")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="action_runs")
    name = models.CharField(max_length=64, help_text="The action's, as it was called.")
    kind = models.CharField(max_length=16, choices=AlertAction.Kind)
    state = models.CharField(max_length=10, choices=State)
    text = models.CharField(max_length=500, help_text="What was done, or why it was not.")
    before = models.JSONField(default=dict, help_text="What it changed, as it was.")
    after = models.JSONField(default=dict, help_text="The same, as it left it.")
    audit_id = models.BigIntegerField(default=0, help_text="The audit log up to then: what comes later is newer.")
    undo_on_clear = models.BooleanField(default=False)
    tries = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=200, blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first; each alert has an action taken once."""

        ordering = ("-at", "-id")
        constraints = (models.UniqueConstraint(fields=["action", "alert"], name="action_of_alert_once"),)
        indexes = (models.Index(fields=["state"], name="action_run_open", condition=models.Q(state="started")),)

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @property
    def can_be_undone(self) -> bool:
        """Whether there is something to put back."""
        return self.state == self.State.DONE
