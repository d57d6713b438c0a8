"""What is sampled of a tenant's live calls, by whom it is scored, and the scores."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from pgvector.django import HalfVectorField

from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7

DIMENSIONS: Final = 256
"""Those of ``embeddings``, which takes numpy; web workers do without."""
JUDGE_BUDGET_NANOUSD: Final = 1_000_000_000
_SHARE: Final = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class LiveEvaluation(ConfigRow):
    """Which of a tenant's calls are sampled, and which evaluators score them. Gateways hold a compiled copy."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="live_evaluations")
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    routes = ArrayField(models.CharField(max_length=200), default=list, blank=True, help_text="By name; empty: all.")
    model_names = ArrayField(
        models.CharField(max_length=200), default=list, blank=True, help_text="Of those that answered; empty: all."
    )
    modes = ArrayField(models.CharField(max_length=32), default=list, blank=True, help_text="Empty: all.")
    tags = models.JSONField(default=dict, blank=True, help_text="Calls have all of these; empty: any call.")
    rate = models.FloatField(default=0.05, validators=_SHARE, help_text="Share of the calls, 0 to 1.")
    min_per_hour = models.PositiveIntegerField(
        default=20, validators=[MaxValueValidator(10_000)], help_text="Of each route, so that quiet ones are seen too."
    )
    max_per_hour = models.PositiveIntegerField(
        default=1_000, validators=[MinValueValidator(1), MaxValueValidator(100_000)], help_text="Of each route."
    )
    prompts_per_minute = models.PositiveSmallIntegerField(
        default=30,
        validators=[MaxValueValidator(600)],
        help_text="Of each route and gateway worker: so many prompts are added up as vectors, without texts, so that a "
        "shift of what is asked is seen within minutes. 0: none.",
    )
    deep_rate = models.FloatField(
        default=0.2, validators=_SHARE, help_text="Share of the sampled calls that costly evaluators score, 0 to 1."
    )
    judge_budget_nanousd = models.BigIntegerField(
        default=JUDGE_BUDGET_NANOUSD, validators=[MinValueValidator(0)], help_text="For judges, by day (UTC)."
    )

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="live_evaluation_of_tenant",
                violation_error_message="There is a live evaluation of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class LiveEvaluator(models.Model):
    """An evaluator that a live evaluation asks. It cannot be deleted as long as one does."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="live_evaluators")
    evaluation = models.ForeignKey(LiveEvaluation, models.CASCADE, related_name="asked")
    evaluator = models.ForeignKey("evaluation.Evaluator", models.RESTRICT, related_name="asked_live")

    objects = OfTenant.as_manager()

    class Meta:
        """Each once."""

        constraints = (models.UniqueConstraint(fields=["evaluation", "evaluator"], name="live_evaluator_once"),)

    def __str__(self) -> str:
        return f"live evaluation {self.evaluation}"


class LiveSample(models.Model):
    """A call that was sampled: what it was, and where in the space of meanings. Texts only where the tenant keeps them.

    Texts and embeddings go with the tenant's payloads (retention, erasure of an end user), the rest with its events.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="live_samples")
    run_id = models.CharField(max_length=64, help_text="The call's correlation id.")
    at = models.DateTimeField(help_text="When the call ended.")
    route = models.CharField(max_length=200, blank=True, default="")
    model = models.CharField(max_length=200, blank=True, default="", help_text="That answered.")
    provider = models.CharField(max_length=200, blank=True, default="")
    key_id = models.CharField(max_length=64, blank=True, default="")
    end_user = models.TextField(null=True, help_text="As the call named it, or the pseudonym of who was erased.")
    mode = models.CharField(max_length=32, blank=True, default="")
    tags = models.JSONField(default=dict)
    input_language = models.CharField(max_length=8, blank=True, default="", help_text="ISO 639; empty: unknown.")
    output_language = models.CharField(max_length=8, blank=True, default="", help_text="ISO 639; empty: unknown.")
    refused = models.BooleanField(default=False, help_text="Whether the model declined to answer.")
    input_chars = models.PositiveIntegerField(default=0)
    output_chars = models.PositiveIntegerField(default=0)
    input_embedding = HalfVectorField(dimensions=DIMENSIONS, null=True)
    output_embedding = HalfVectorField(dimensions=DIMENSIONS, null=True)
    input_text = models.TextField(null=True)
    output_text = models.TextField(null=True)
    taken_at = models.DateTimeField(default=timezone.now, help_text="When it was scored.")

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-at", "-id")
        constraints = (models.UniqueConstraint(fields=["tenant", "run_id"], name="live_sample_of_run"),)
        indexes = (models.Index(fields=["tenant", "-at"], name="live_samples_by_time"),)

    def __str__(self) -> str:
        return self.run_id


class LiveScore(models.Model):
    """What an evaluator says of a sampled call; without a value: it cannot tell, or was not asked."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="live_scores")
    sample = models.ForeignKey(LiveSample, models.CASCADE, related_name="scores")
    evaluation = models.ForeignKey(LiveEvaluation, models.CASCADE, related_name="scores")
    evaluator = models.CharField(max_length=100, help_text="Its name.")
    kind = models.CharField(max_length=64)
    at = models.DateTimeField(help_text="When the call ended.")
    value = models.FloatField(null=True, help_text="0 to 1.")
    label = models.CharField(max_length=64, blank=True, default="")
    why = models.CharField(max_length=500, blank=True, default="")
    cost_nanousd = models.BigIntegerField(null=True, help_text="What judges cost; null: nobody was asked.")
    scored_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    class Meta:
        """One of each evaluation and evaluator for a sample."""

        constraints = (models.UniqueConstraint(fields=["sample", "evaluation", "evaluator"], name="live_score_once"),)
        indexes = (
            models.Index(fields=["tenant", "evaluation", "evaluator", "-at"], name="live_scores_by_time"),
            models.Index(
                fields=["tenant", "evaluation", "scored_at"],
                name="live_scores_paid",
                condition=models.Q(cost_nanousd__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.evaluator} {self.value}"


class PromptMinute(models.Model):
    """What was asked over a route in one minute: the sum of the prompts' unit vectors, and nothing else of them."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="prompt_minutes")
    route = models.CharField(max_length=200)
    start = models.DateTimeField()
    prompts = models.PositiveIntegerField()
    total = models.BinaryField(help_text="Little-endian floats of four bytes.")

    objects = OfTenant.as_manager()

    class Meta:
        """One row for each minute and route."""

        constraints = (models.UniqueConstraint(fields=["tenant", "start", "route"], name="prompt_minute_of_route"),)

    def __str__(self) -> str:
        return f"{self.prompts} prompts"


class LiveLoss(models.Model):
    """Sampled calls of an hour that were not scored."""

    class Reason(models.TextChoices):
        """Why."""

        AWAY = "away", "Redis was away"
        FULL = "full", "the queue was full"
        LATE = "late", "too old when their turn came"
        BROKEN = "broken", "could not be read"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="live_losses")
    hour = models.DateTimeField()
    reason = models.CharField(max_length=8, choices=Reason)
    calls = models.PositiveBigIntegerField(default=0)

    objects = OfTenant.as_manager()

    class Meta:
        """One row for each hour and reason."""

        constraints = (models.UniqueConstraint(fields=["tenant", "hour", "reason"], name="live_loss_of_hour"),)

    def __str__(self) -> str:
        return f"{self.reason} {self.calls}"
