"""What was found out about incidents, deployments that were told of, and who writes summaries."""

from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from alerting.incident_rows import Incident
from alerting.owned import OwnedRow, owner
from tenants.rows import OfTenantOrPlatform, new_uuid7


class IncidentCauses(models.Model):
    """The evidence about one incident: worked out when it opens, anew while it goes on, and once more at its end."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("+")
    incident = models.OneToOneField(Incident, models.CASCADE, related_name="causes")
    evidence = models.JSONField(default=dict, help_text="As alerting.causes.evidence.Evidence has it.")
    computed_at = models.DateTimeField(default=timezone.now)
    final = models.BooleanField(default=False, help_text="The incident was over: nothing is worked out any more.")
    summary = models.TextField(max_length=4_000, blank=True, default="", help_text="Written by a model.")
    summary_model = models.CharField(max_length=200, blank=True, default="")
    summary_at = models.DateTimeField(null=True)
    summary_asked_at = models.DateTimeField(null=True, help_text="Before the model was asked: it is asked once.")
    summary_nanousd = models.BigIntegerField(default=0)
    summary_error = models.CharField(max_length=300, blank=True, default="", help_text="Why there is no summary.")

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-id",)
        verbose_name_plural = "incident causes"
        indexes = (models.Index(fields=["tenant", "summary_asked_at"], name="causes_by_asking"),)

    def __str__(self) -> str:
        return f"causes of {self.incident_id}"


class Deployment(models.Model):
    """A version of something that went live, as whoever deployed it told."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = owner("deployments")
    service = models.CharField(max_length=100, help_text="What was deployed, such as `checkout`.")
    version = models.CharField(max_length=100)
    environment = models.CharField(max_length=64, blank=True, default="")
    note = models.CharField(max_length=300, blank=True, default="")
    link = models.URLField(
        max_length=500,
        blank=True,
        default="",
        validators=[RegexValidator(r"^https?://", "An address that begins with http:// or https://.")],
    )
    deployed_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-deployed_at", "-id")
        indexes = (models.Index(fields=["tenant", "-deployed_at"], name="deployment_by_time"),)

    def __str__(self) -> str:
        return f"{self.service} {self.version}"


class SummaryWriter(OwnedRow):
    """Over which route a tenant has summaries of incidents written, and what that may cost."""

    tenant = models.OneToOneField("tenants.Tenant", models.CASCADE, related_name="summary_writer")
    route = models.CharField(max_length=200, help_text="Route or model that is asked.")
    budget_nanousd = models.BigIntegerField(
        default=1_000_000_000, validators=[MinValueValidator(1)], help_text="At most so much in a calendar month (UTC)."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        """One of a tenant."""

        constraints = (
            models.CheckConstraint(condition=models.Q(budget_nanousd__gt=0), name="summary_writer_has_a_budget"),
        )

    def __str__(self) -> str:
        return f"summaries over {self.route}"
