"""What is said about runs: gates that pass or fail them, and labels that people give to answers."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from evaluation.golden_rows import MAX_NAME_LENGTH, GoldenSet, TenantConfig
from evaluation.run_rows import ItemResult
from tenants.models import Tenant
from tenants.rows import OfTenant, new_uuid7


class Gate(TenantConfig):
    """By how much a score may fall before a change is held back."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="gates")
    golden_set = models.ForeignKey(GoldenSet, models.CASCADE, related_name="gates")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    evaluator = models.CharField(max_length=MAX_NAME_LENGTH, help_text="Name of the evaluator whose score is held.")
    max_drop = models.FloatField(
        default=0.02,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Of the mean score, 0 to 1: 0.02 are two points.",
    )
    confidence = models.FloatField(
        default=0.95, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)], help_text="0.5 to 0.999."
    )

    objects = OfTenant.as_manager()

    class Meta:
        """By name, which commands use."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="gate_of_tenant",
                violation_error_message="There is a gate of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def points(self) -> float | int:
        """Of 100, by how much the score may fall."""
        found = round(self.max_drop * 100, 6)
        return int(found) if found == int(found) else found

    @property
    def percent(self) -> float | int:
        """The confidence, of 100."""
        found = round(self.confidence * 100, 6)
        return int(found) if found == int(found) else found


class Label(models.Model):
    """What a person thinks of an answer."""

    class Verdict(models.TextChoices):
        """In words; :data:`VALUES` has the numbers."""

        GOOD = "good", "good"
        FAIR = "fair", "fair"
        BAD = "bad", "bad"

    VALUES: ClassVar[dict[str, float]] = {"good": 1.0, "fair": 0.5, "bad": 0.0}

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_labels")
    result = models.ForeignKey(ItemResult, models.CASCADE, related_name="labels")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="eval_labels")
    verdict = models.CharField(max_length=4, choices=Verdict)
    comment = models.CharField(max_length=300, blank=True, default="")
    labelled_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    class Meta:
        """One for each answer and person."""

        constraints = (models.UniqueConstraint(fields=["result", "reviewer"], name="one_label_of_reviewer"),)

    def __str__(self) -> str:
        return self.verdict
