"""Drift monitors, where each stands, its looks, and what each look found."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from evaluation.engine.drift_signals import DRIFT_SIGNALS
from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7

SIGNAL_CHOICES: Final = [(one.name, one.title) for one in DRIFT_SIGNALS.values()]
HOUR: Final = 60
WEEK: Final = 7 * 24 * HOUR
LEAST_VALUES: Final = 20


class DriftMonitor(ConfigRow):
    """Which figures of which calls are held to what they were."""

    class Segments(models.TextChoices):
        """What calls are told apart by."""

        NONE = "", "All calls together"
        ROUTE = "route", "Route"
        MODEL = "model", "Model"
        PROVIDER = "provider", "Provider"
        KEY = "key", "API key"
        TAG = "tag", "Value of a tag"

    class Reference(models.TextChoices):
        """What a window is compared with."""

        PREVIOUS = "previous", "What came right before"
        DAILY = "daily", "The same hours of earlier days"
        WEEKLY = "weekly", "The same hours of earlier weeks"
        FIXED = "fixed", "A period that stays"

    class Severity(models.TextChoices):
        """Of the incident that drift opens."""

        NONE = "", "No incident"
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="drift_monitors")
    name = models.CharField(max_length=64)
    enabled = models.BooleanField(default=True)
    signals = ArrayField(models.CharField(max_length=32, choices=SIGNAL_CHOICES))
    segment_by = models.CharField(max_length=8, choices=Segments, blank=True, default=Segments.NONE)
    segment_tag = models.CharField(max_length=64, blank=True, default="", help_text="Name of the tag.")
    route = models.CharField(max_length=200, blank=True, default="", help_text="Only its calls; empty: all.")
    model = models.CharField(max_length=200, blank=True, default="", help_text="Only calls that it answered.")
    key_id = models.CharField(max_length=64, blank=True, default="", help_text="Only calls with this API key.")
    window_minutes = models.PositiveIntegerField(
        default=24 * HOUR, validators=[MinValueValidator(HOUR), MaxValueValidator(WEEK)]
    )
    reference = models.CharField(max_length=8, choices=Reference, default=Reference.DAILY)
    periods = models.PositiveSmallIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text="So many windows, days or weeks before.",
    )
    reference_start = models.DateTimeField(null=True, blank=True)
    reference_end = models.DateTimeField(null=True, blank=True)
    least_values = models.PositiveIntegerField(
        default=100,
        validators=[MinValueValidator(LEAST_VALUES), MaxValueValidator(100_000)],
        help_text="Calls that the window and its reference need each; with fewer nothing is told.",
    )
    level = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.0001), MaxValueValidator(0.2)],
        help_text="Share of findings that may be chance, over all signals and segments.",
    )
    least_effects = models.JSONField(
        default=dict, blank=True, help_text="By signal, from which effect on it matters, 0 to 1; others have a default."
    )
    every_minutes = models.PositiveIntegerField(
        default=HOUR, validators=[MinValueValidator(5), MaxValueValidator(24 * HOUR)], help_text="How often it looks."
    )
    confirm = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(24)],
        help_text="Looks in a row that have to find the same before it counts, and none before it is over.",
    )
    severity = models.CharField(max_length=8, choices=Severity, blank=True, default=Severity.WARNING)

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="drift_monitor_of_tenant",
                violation_error_message="There is a monitor of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def invalidations(self) -> list[Any]:
        """None: gateways hold no copy."""
        return []

    def clean(self) -> None:
        """What belongs together is there.

        Raises:
            ValidationError: something is missing, or does not fit.
        """
        if len(set(self.signals)) < len(self.signals):
            raise ValidationError({"signals": "Each figure once."})
        if self.segment_by == self.Segments.TAG and not self.segment_tag:
            raise ValidationError({"segment_tag": "Say which tag."})
        if self.reference == self.Reference.FIXED:
            self._check_fixed()
        self._check_effects()

    def _check_fixed(self) -> None:
        if self.reference_start is None or self.reference_end is None:
            raise ValidationError({"reference_start": "Say from when to when."})
        if self.reference_end <= self.reference_start:
            raise ValidationError({"reference_end": "It ends after it begins."})

    def _check_effects(self) -> None:
        if not isinstance(self.least_effects, dict):
            raise ValidationError({"least_effects": "Write signals with the effect from which on each matters."})
        for name, effect in self.least_effects.items():
            if name not in DRIFT_SIGNALS:
                raise ValidationError({"least_effects": f"There is no signal {name!r}."})
            if isinstance(effect, bool) or not isinstance(effect, int | float) or not 0 <= effect <= 1:
                raise ValidationError({"least_effects": f"The effect of {name} is a number from 0 to 1."})

    def least_effect(self, signal: str) -> float:
        """From which on it matters."""
        return float(self.least_effects.get(signal, DRIFT_SIGNALS[signal].least))


class DriftState(models.Model):
    """Where a monitor stands, and who looks at it now."""

    class Phase(models.TextChoices):
        """What it says."""

        UNKNOWN = "unknown", "Not looked yet"
        STEADY = "steady", "As it was"
        SUSPECTED = "suspected", "Perhaps"
        DRIFTED = "drifted", "Drifted"
        CANNOT_TELL = "cannot_tell", "Cannot tell"

    monitor = models.OneToOneField(DriftMonitor, models.CASCADE, primary_key=True, related_name="state")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    phase = models.CharField(max_length=12, choices=Phase, default=Phase.UNKNOWN)
    since = models.DateTimeField(null=True)
    drifted_at = models.DateTimeField(null=True, help_text="When what goes on now was found; empty: nothing goes on.")
    alert = models.CharField(max_length=64, blank=True, default="", help_text="What was opened for it.")
    looked_at = models.DateTimeField(null=True)
    next_look_at = models.DateTimeField(default=timezone.now)
    worker = models.CharField(max_length=64, blank=True, default="")
    leased_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")

    objects = OfTenant.as_manager()

    class Meta:
        """Those that are due are looked for every minute."""

        indexes = (models.Index(fields=["next_look_at"], name="drift_looks_due"),)

    def __str__(self) -> str:
        return f"{self.monitor_id} {self.phase}"


class DriftCheck(models.Model):
    """One look of a monitor."""

    class Outcome(models.TextChoices):
        """What it came to."""

        STEADY = "steady", "As it was"
        DRIFTED = "drifted", "Drifted"
        CANNOT_TELL = "cannot_tell", "Cannot tell"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="drift_checks")
    monitor = models.ForeignKey(DriftMonitor, models.CASCADE, related_name="checks")
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    spans = models.JSONField(default=list, help_text="Of the reference: pairs of Unix seconds, the newest first.")
    outcome = models.CharField(max_length=12, choices=Outcome)
    why = models.CharField(max_length=300, blank=True, default="", help_text="Why it cannot tell.")
    calls = models.PositiveIntegerField(default=0, help_text="Of the window that were looked at.")
    reference_calls = models.PositiveIntegerField(default=0)
    samples = models.PositiveIntegerField(default=0)
    reference_samples = models.PositiveIntegerField(default=0)
    tests = models.PositiveIntegerField(default=0, help_text="That were made, and corrected for.")
    drifted = models.PositiveIntegerField(default=0, help_text="Of them that found drift.")
    took_ms = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-window_end", "-id")
        indexes = (
            models.Index(fields=["tenant", "monitor", "-window_end"], name="drift_checks_of_monitor"),
            models.Index(fields=["looked_at"], name="drift_checks_old"),
        )

    def __str__(self) -> str:
        return f"{self.window_end:%Y-%m-%d %H:%M} {self.outcome}"


class DriftFinding(models.Model):
    """One signal of one segment in a look; segment empty: all calls together."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="drift_findings")
    check_row = models.ForeignKey(DriftCheck, models.CASCADE, related_name="findings", db_column="check_id")
    signal = models.CharField(max_length=32, choices=SIGNAL_CHOICES)
    segment = models.CharField(max_length=200, blank=True, default="")
    test = models.CharField(max_length=16, blank=True, default="", help_text="Empty: too few values.")
    statistic = models.FloatField(null=True)
    effect = models.FloatField(null=True, help_text="0 to 1; its unit follows from the signal.")
    least = models.FloatField(help_text="From which effect on it matters.")
    usual = models.FloatField(null=True, help_text="The effect that earlier periods have among themselves.")
    index = models.FloatField(null=True, help_text="Population stability index.")
    p = models.FloatField(null=True)
    q = models.FloatField(null=True, help_text="p after correction for all tests of the look.")
    values = models.PositiveIntegerField(default=0)
    reference_values = models.PositiveIntegerField(default=0)
    drifted = models.BooleanField(default=False)
    lasting = models.PositiveIntegerField(default=0, help_text="Looks in a row that found it, with this one.")
    figures = models.JSONField(default=dict, help_text="Pairs: before, now.")
    shape = models.JSONField(default=dict, help_text="Both distributions.")
    examples = models.JSONField(default=list, help_text="Calls that are unlike those before: id, score, value.")

    objects = OfTenant.as_manager()

    class Meta:
        """One for each signal and segment of a look."""

        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["check_row", "signal", "segment"], name="drift_finding_once"),
            models.CheckConstraint(condition=Q(least__gte=0), name="drift_least_effect"),
        )

    def __str__(self) -> str:
        return f"{self.signal} {self.segment}".strip()
