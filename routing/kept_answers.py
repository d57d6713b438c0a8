"""What a route's row says about keeping answers."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from contracts.specs import CacheSpec, SemanticSpec

_BUILT_IN = CacheSpec()
MIB = 1024 * 1024

CACHE_FIELDS = (
    "cache_mode",
    "cache_confidence_percent",
    "cache_ttl_s",
    "cache_max_entries",
    "cache_max_mib",
    "cache_only_unsampled",
    "cache_hit_percent",
)
"""What people set; ``cache_generation`` is counted."""


class CacheMode(models.TextChoices):
    """Which calls are answered with kept answers."""

    OFF = "off", "No answers are kept"
    EXACT = "exact", "Calls that ask exactly the same"
    SEMANTIC = "semantic", "Also questions that mean the same"
    SHADOW = "shadow", "Exactly the same; others are only compared"


class KeepsAnswers(models.Model):
    """The fields, for the model of routes."""

    cache_mode = models.CharField("cache", max_length=16, choices=CacheMode, default=CacheMode.OFF)
    cache_ttl_s = models.PositiveIntegerField(
        "kept for (s)",
        default=_BUILT_IN.ttl_s,
        validators=[MinValueValidator(1), MaxValueValidator(30 * 86_400)],
        help_text="At most 30 days. Answers about the present are kept for a minute at most.",
    )
    cache_max_entries = models.PositiveIntegerField(
        "most answers",
        default=_BUILT_IN.max_entries,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="For each tenant; what was not used for longest goes first.",
    )
    cache_max_mib = models.PositiveIntegerField(
        "most MiB",
        default=_BUILT_IN.max_bytes // MIB,
        validators=[MinValueValidator(1), MaxValueValidator(10_240)],
        help_text="For each tenant, as stored.",
    )
    cache_only_unsampled = models.BooleanField(
        "only calls with temperature 0",
        default=False,
        help_text="Calls that give no temperature are left out too: providers take 1 then.",
    )
    cache_hit_percent = models.PositiveSmallIntegerField(
        "price of a hit (%)",
        default=_BUILT_IN.hit_percent,
        validators=[MaxValueValidator(100)],
        help_text="Of what the answer cost when it was made.",
    )
    cache_confidence_percent = models.PositiveSmallIntegerField(
        "confidence (%)",
        default=round(SemanticSpec().confidence * 100),
        validators=[MinValueValidator(1), MaxValueValidator(99)],
        help_text="How sure it has to be that a question in other words asks the same. Feedback moves it for a tenant.",
    )
    cache_generation = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        """Only a part of a row."""

        abstract = True


CACHE_CONSTRAINT = models.CheckConstraint(
    name="route_cache_sane",
    condition=Q(
        cache_mode__in=CacheMode.values,
        cache_ttl_s__gt=0,
        cache_max_entries__gt=0,
        cache_max_mib__gt=0,
        cache_hit_percent__lte=100,
        cache_confidence_percent__range=(1, 99),
    ),
    violation_error_message="The cache's time and sizes are greater than 0, a hit costs at most 100 %, and no "
    "confidence is below 1 % or above 99 %.",
)


def cache_spec(row: KeepsAnswers) -> CacheSpec | None:
    """As calls go by it; None where no answers are kept."""
    if row.cache_mode == CacheMode.OFF:
        return None
    return CacheSpec(
        ttl_s=row.cache_ttl_s,
        max_entries=row.cache_max_entries,
        max_bytes=row.cache_max_mib * MIB,
        sampled=not row.cache_only_unsampled,
        hit_percent=row.cache_hit_percent,
        generation=row.cache_generation,
        semantic=_semantic(row),
    )


def _semantic(row: KeepsAnswers) -> SemanticSpec | None:
    if row.cache_mode == CacheMode.EXACT:
        return None
    return SemanticSpec(confidence=row.cache_confidence_percent / 100, shadow=row.cache_mode == CacheMode.SHADOW)
