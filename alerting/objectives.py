"""Objectives of service: which share of calls has to be good, over how many days."""

from __future__ import annotations

import math

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from alerting.engine.signals import Segment
from alerting.owned import OwnedRow, owner
from events.traffic.scores import BUCKETS

SEGMENT_KINDS = [("all", "All calls"), ("route", "A route"), ("model", "A model"), ("key", "An API key")]


def check_segment(kind: str, part: str) -> None:
    """Nothing, where the two fit each other.

    Raises:
        ValidationError: a segment needs a name, or all calls have none.
    """
    if kind == "all" and part:
        raise ValidationError({"segment": "All calls have no name: choose what it names, or leave it empty."})
    if kind != "all" and not part:
        raise ValidationError({"segment": "Say which one."})


def check_evaluator(evaluator: str, segment_kind: str, *, wanted: bool) -> None:
    """Nothing, where an evaluator is named for scores, and for nothing else.

    Raises:
        ValidationError: it is missing or of no use, or scores are not counted so finely.
    """
    if wanted and not evaluator:
        raise ValidationError({"evaluator": "Say whose scores."})
    if evaluator and not wanted:
        raise ValidationError({"evaluator": "Only scores have an evaluator."})
    if wanted and segment_kind == "key":
        raise ValidationError({"segment_kind": "Scores are not counted by key: choose all calls, a route or a model."})


def _check_limit(limit: float | None) -> None:
    steps = (limit or 0.0) * BUCKETS
    if not 0 < steps <= BUCKETS or not math.isclose(steps, round(steps), abs_tol=1e-6):
        raise ValidationError({"limit": "A score is good from 0.05 to 1 on, in steps of 0.05."})


class SLO(OwnedRow):
    """A service level objective."""

    class Kind(models.TextChoices):
        """What makes a call good."""

        AVAILABILITY = "availability", "Availability"
        LATENCY = "latency", "Latency"
        COST = "cost", "Cost a call"
        SCORE = "score", "Score of answers"

    tenant = owner("slos")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=300, blank=True, default="")
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.AVAILABILITY)
    segment_kind = models.CharField(max_length=8, choices=SEGMENT_KINDS, default="all")
    segment = models.CharField(
        max_length=200, blank=True, default="", help_text="Name of the route or model, or id of the key."
    )
    limit = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Of latency: milliseconds that a good call takes at most. Of cost: nano-dollars a call. Of scores: "
        "what a good one has at least, 0.05 to 1 in steps of 0.05.",
    )
    evaluator = models.CharField(
        max_length=100, blank=True, default="", help_text="Of scores: whose, by name; live evaluations ask it."
    )
    objective = models.FloatField(
        default=0.995,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.99999)],
        help_text="The share of good calls that is promised, such as 0.995.",
    )
    window_days = models.PositiveSmallIntegerField(
        default=28, choices=[(7, "7 days"), (28, "28 days"), (30, "30 days")]
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        """By name."""

        ordering = ("name", "id")
        verbose_name = "SLO"
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="slo_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is an objective of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(kind="availability", limit=None) | (~Q(kind="availability") & Q(limit__isnull=False)),
                name="slo_limit_of_its_kind",
                violation_error_message="Latency, cost and scores take a limit, availability has none.",
            ),
            models.CheckConstraint(condition=Q(objective__gte=0.5, objective__lt=1), name="slo_objective_is_a_share"),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The segment is one that the kind is counted for.

        Raises:
            ValidationError: it is not.
        """
        check_segment(self.segment_kind, self.segment)
        if self.kind == self.Kind.LATENCY and self.segment_kind != "all":
            raise ValidationError({"segment_kind": "Latencies are counted for all calls of the tenant together."})
        check_evaluator(self.evaluator, self.segment_kind, wanted=self.kind == self.Kind.SCORE)
        if self.kind == self.Kind.SCORE:
            _check_limit(self.limit)

    @property
    def calls(self) -> Segment:
        """Whose calls count."""
        return Segment(self.segment_kind, self.segment, self.evaluator)
