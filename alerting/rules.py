"""Alert rules and where each stands."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from alerting.engine.signals import SIGNALS, Segment, Signal
from alerting.objectives import SEGMENT_KINDS, SLO, check_evaluator, check_segment
from alerting.owned import OwnedRow, Severity, owner
from tenants.rows import OfTenantOrPlatform

_MINUTES = [MinValueValidator(1), MaxValueValidator(120)]
OPERATORS = [("above", "Above"), ("below", "Below"), ("both", "Above or below")]


class AlertRule(OwnedRow):
    """What is looked at, and when somebody is told."""

    class Kind(models.TextChoices):
        """How it is decided."""

        THRESHOLD = "threshold", "Threshold"
        BURN_RATE = "burn_rate", "Burn rate of an objective"
        ABSENCE = "absence", "Absence of calls"
        ANOMALY = "anomaly", "Anomaly"

    class Sensitivity(models.TextChoices):
        """How unusual an anomaly has to be."""

        LOW = "low", "Low: what hardly ever was"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High: more is found, some of it in vain"

    tenant = owner("alert_rules")
    name = models.CharField(max_length=64)
    description = models.CharField(
        max_length=300, blank=True, default="", help_text="What it means, and what to do: incidents show it."
    )
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.THRESHOLD)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    enabled = models.BooleanField(default=True)
    signal = models.CharField(
        max_length=32, blank=True, default="", choices=[(one.name, one.title) for one in SIGNALS.values()]
    )
    segment_kind = models.CharField(max_length=8, choices=SEGMENT_KINDS, default="all")
    segment = models.CharField(
        max_length=200, blank=True, default="", help_text="Name of the route or model, or id of the key."
    )
    evaluator = models.CharField(
        max_length=100, blank=True, default="", help_text="Of scores: whose, by name; live evaluations ask it."
    )
    operator = models.CharField(max_length=5, choices=OPERATORS, default="above")
    threshold = models.FloatField(
        null=True, blank=True, help_text="In the signal's unit: shares of 1, ms, nano-dollars."
    )
    clear_threshold = models.FloatField(
        null=True, blank=True, help_text="Well again on the other side of this. Empty: 10% before the threshold."
    )
    window_minutes = models.PositiveSmallIntegerField(
        default=5, validators=_MINUTES, help_text="Each minute's value is that of so many minutes up to it."
    )
    for_minutes = models.PositiveSmallIntegerField(
        default=2, validators=_MINUTES, help_text="Minutes that it lasts before it fires."
    )
    clear_minutes = models.PositiveSmallIntegerField(
        default=5, validators=_MINUTES, help_text="Minutes that all is well before it is over."
    )
    min_requests = models.PositiveIntegerField(
        default=20, help_text="Calls in the window below which nothing can be told."
    )
    slo = models.ForeignKey(SLO, models.CASCADE, null=True, blank=True, related_name="rules", verbose_name="objective")
    sensitivity = models.CharField(
        max_length=6, choices=Sensitivity, default=Sensitivity.MEDIUM, help_text="Of anomalies."
    )
    tolerance = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Of anomalies: a deviation that nobody minds, in points of a share or score, else as a share of what "
        "is usual. Empty: what suits the signal.",
    )

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="alert_rule_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is a rule of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Each kind has what it needs.

        Raises:
            ValidationError: something is missing, or does not fit.
        """
        check_segment(self.segment_kind, self.segment)
        check_evaluator(self.evaluator, self.segment_kind, wanted=self.signal == "score")
        if self.kind == self.Kind.BURN_RATE:
            self._check_objective()
        elif self.kind == self.Kind.THRESHOLD:
            self._check_threshold()
        elif self.kind == self.Kind.ANOMALY:
            self._check_signal()

    def _check_objective(self) -> None:
        if self.slo is None:
            raise ValidationError({"slo": "Say of which objective."})
        if self.slo.tenant_id != self.tenant_id:
            raise ValidationError({"slo": "The objective belongs to somebody else."})

    def _check_signal(self) -> None:
        if self.signal not in SIGNALS:
            raise ValidationError({"signal": "Say what is looked at."})
        if self.segment_kind not in SIGNALS[self.signal].segments:
            raise ValidationError({"segment_kind": "This signal is not counted for these calls by themselves."})
        if SIGNALS[self.signal].of_prompts and self.tenant_id is None:
            raise ValidationError({"signal": "Prompts of different tenants are not compared: make it a tenant's rule."})

    def _check_threshold(self) -> None:
        self._check_signal()
        if self.threshold is None:
            raise ValidationError({"threshold": "Say from where on it is bad."})
        if self.operator == "both":
            raise ValidationError({"operator": "A limit has one side: above or below."})
        clear = self.threshold if self.clear_threshold is None else self.clear_threshold
        if clear != self.threshold and (clear > self.threshold) == (self.operator == "above"):
            raise ValidationError({"clear_threshold": "It has to lie on the good side of the threshold."})

    @property
    def calls(self) -> Segment:
        """Which calls it looks at."""
        return (
            self.slo.calls
            if self.kind == self.Kind.BURN_RATE and self.slo
            else Segment(self.segment_kind, self.segment, self.evaluator)
        )

    @property
    def figure(self) -> str:
        """What it looks at, as people call it."""
        signal = self.looks_at
        if signal is None:
            return ""
        return f"{signal.title} by “{self.evaluator}”" if self.evaluator else signal.title

    @property
    def looks_at(self) -> Signal | None:
        """The signal; None for what follows an objective."""
        return SIGNALS.get("requests" if self.kind == self.Kind.ABSENCE else self.signal)

    @property
    def clear_at(self) -> float:
        """From where on it is well again."""
        if self.clear_threshold is not None:
            return self.clear_threshold
        limit = self.threshold or 0.0
        return limit * (0.9 if self.operator == "above" else 1.1)


class RuleState(models.Model):
    """Where a rule stands, as of the last minute that was looked at."""

    rule = models.OneToOneField(AlertRule, models.CASCADE, primary_key=True, related_name="state")
    tenant = owner("+")
    phase = models.CharField(max_length=8, default="ok")
    since = models.DateTimeField(null=True)
    fired_at = models.DateTimeField(null=True)
    clear_since = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    checked_until = models.DateTimeField(null=True, help_text="Data up to here were looked at.")
    done_until = models.DateTimeField(null=True, help_text="Data up to here are not looked at again, however late.")
    value = models.FloatField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")

    objects = OfTenantOrPlatform.as_manager()

    def __str__(self) -> str:
        return f"{self.rule_id} {self.phase}"


class CheckRun(models.Model):
    """The one row that says who is checking rules, and when that was last done."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    owner = models.CharField(max_length=100, blank=True, default="", help_text="Empty: nobody is at it.")
    taken_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    checked_until = models.DateTimeField(null=True)
    rules = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)

    class Meta:
        """One row."""

        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="check_run_is_one"),)

    def __str__(self) -> str:
        return f"checked until {self.checked_until}"


class AnomalyMemory(models.Model):
    """What an anomaly rule has learned of its signal: the detector goes on from here after a restart."""

    rule = models.OneToOneField(AlertRule, models.CASCADE, primary_key=True, related_name="memory")
    tenant = owner("+")
    of = models.CharField(max_length=64, help_text="What it was learned of: another signal is learned anew.")
    learned_until = models.DateTimeField(help_text="Data up to here are learned.")
    state = models.BinaryField(help_text="20 kB at most.")

    objects = OfTenantOrPlatform.as_manager()

    def __str__(self) -> str:
        return f"{self.rule_id} until {self.learned_until:%Y-%m-%d %H:%M}"
