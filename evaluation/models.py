"""Golden sets with their versions and items, evaluators, runs over them with results and scores, gates, labels.

A golden set has versions. The newest that no run has used is the draft: items are added, changed and removed there. A
run freezes its version; the next change makes another version, with the same items.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from evaluation.drift.rows import DriftCheck as DriftCheck
from evaluation.drift.rows import DriftFinding as DriftFinding
from evaluation.drift.rows import DriftMonitor as DriftMonitor
from evaluation.drift.rows import DriftState as DriftState
from evaluation.live.rows import LiveEvaluation as LiveEvaluation
from evaluation.live.rows import LiveEvaluator as LiveEvaluator
from evaluation.live.rows import LiveLoss as LiveLoss
from evaluation.live.rows import LiveSample as LiveSample
from evaluation.live.rows import LiveScore as LiveScore
from evaluation.live.rows import PromptMinute as PromptMinute
from evaluation.schedules.rows import RunSchedule as RunSchedule
from evaluation.schedules.rows import ScheduledRun as ScheduledRun
from guardrails.models import Policy
from tenants.background_work import BackgroundWork
from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7

MAX_NAME_LENGTH = 100
MAX_TEXT_LENGTH = 200_000
"""Characters of an item's input, expected answer, rubric, or of one passage."""


class TenantConfig(ConfigRow):
    """A row that people change and gateways hold no copy of."""

    class Meta:
        """No table of its own."""

        abstract = True

    def invalidations(self) -> list[Any]:
        """None: no compiled copy has it."""
        return []


class GoldenSet(TenantConfig):
    """Examples of what an application is asked, with what a good answer is like."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_sets")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    description = models.CharField(max_length=300, blank=True, default="")

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="golden_set_of_tenant",
                violation_error_message="There is a golden set of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class GoldenVersion(models.Model):
    """The items of a set as they are, or were when a run first used them."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_versions")
    golden_set = models.ForeignKey(GoldenSet, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(help_text="From 1, without gaps.")
    items = models.PositiveIntegerField(default=0, help_text="How many it has.")
    author = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    frozen_at = models.DateTimeField(null=True, help_text="When the first run used it; from then on nothing changes.")

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=["golden_set", "number"], name="version_of_golden_set"),)

    def __str__(self) -> str:
        return f"{self.golden_set.name} v{self.number}"


class GoldenItem(models.Model):
    """One example. ``key`` is the same in all versions that have it."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_items")
    version = models.ForeignKey(GoldenVersion, models.CASCADE, related_name="rows")
    key = models.CharField(max_length=64)
    position = models.PositiveIntegerField()
    input = models.JSONField(help_text="A text, or the messages of a chat.")
    expected = models.TextField(blank=True, default="")
    context = models.JSONField(default=list, help_text="Passages that the answer is to rest on.")
    rubric = models.TextField(blank=True, default="", help_text="What a judge goes by.")
    tags = ArrayField(models.CharField(max_length=64), default=list)
    split = models.CharField(max_length=32, blank=True, default="")
    source = models.CharField(max_length=100, blank=True, default="", help_text="upload, api, console, or a call's id.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its content, without key and source.")
    end_user = models.CharField(
        max_length=1_000,
        blank=True,
        default="",
        help_text="Who made the call that it was made of, also when edited.",
    )
    called_at = models.DateTimeField(null=True, help_text="When that call was made.")
    erased_at = models.DateTimeField(null=True, help_text="When its texts were erased with that end user.")

    objects = OfTenant.as_manager()

    class Meta:
        """In the set's order."""

        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=["version", "key"], name="golden_item_of_version"),)
        indexes = (models.Index(fields=["tenant", "end_user"], name="golden_items_of_user", condition=~Q(end_user="")),)

    def __str__(self) -> str:
        return self.key


class GoldenUpload(models.Model):
    """A file that was read and not yet taken: what its preview shows."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_uploads")
    golden_set = models.ForeignKey(GoldenSet, models.CASCADE, related_name="uploads")
    file_name = models.CharField(max_length=200)
    items = models.JSONField(default=list)
    errors = models.JSONField(default=list, help_text="Pairs of line and sentence.")
    uploaded_by = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    def __str__(self) -> str:
        return self.file_name


class Evaluator(TenantConfig):
    """A way to score answers, with its options."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="evaluators")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    kind = models.CharField(max_length=64)
    options = models.JSONField(default=dict, blank=True)

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="evaluator_of_tenant",
                violation_error_message="There is an evaluator of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class EvalRun(BackgroundWork):
    """Answers of variants to the items of a version, and their scores."""

    work_type: ClassVar[str] = "evalrun"

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        STOPPED = "stopped", "stopped"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_runs")
    version = models.ForeignKey(GoldenVersion, models.CASCADE, related_name="runs")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    split = models.CharField(max_length=32, blank=True, default="", help_text="Only items of it; empty: all.")
    evaluators = models.JSONField(default=list, help_text="Name, kind and options of each, as they were.")
    concurrency = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1), MaxValueValidator(32)], help_text="Items at once."
    )
    max_output_tokens = models.PositiveIntegerField(default=1_024)
    budget_nanousd = models.BigIntegerField(null=True, blank=True, help_text="For answers; empty: no bound of its own.")
    judge_budget_nanousd = models.BigIntegerField(null=True, blank=True, help_text="For judges.")
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0, help_text="Answers that were refused or failed.")
    spent_nanousd = models.BigIntegerField(default=0)
    judge_spent_nanousd = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    worker = models.CharField(max_length=32, blank=True, default="", help_text="Who works on it now.")
    heartbeat_at = models.DateTimeField(null=True, help_text="When that worker last said so.")
    summary = models.JSONField(default=dict, help_text="Means by variant, and comparisons, once it has ended.")

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-requested_at", "-id")
        indexes = (
            models.Index(
                fields=["heartbeat_at"], name="eval_runs_under_way", condition=Q(state__in=["waiting", "running"])
            ),
        )

    def __str__(self) -> str:
        return self.name

    def work_name(self) -> str:
        """The run's name."""
        return self.name

    def audit_tenant_id(self) -> uuid.UUID:
        """Whose run it is."""
        owner: uuid.UUID = self.tenant_id
        return owner


class Variant(models.Model):
    """What answers: a route or model, a system prompt, a template around the input, a policy's version."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_variants")
    run = models.ForeignKey(EvalRun, models.CASCADE, related_name="variants")
    position = models.PositiveSmallIntegerField(help_text="The first is what the others are compared with.")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    model = models.CharField(max_length=200, help_text="As callers write it: a route or a model.")
    system_prompt = models.TextField(blank=True, default="")
    template = models.TextField(blank=True, default="", help_text="Around the last message: {{input}}, {{context}}.")
    policy = models.ForeignKey(Policy, models.SET_NULL, null=True, blank=True, related_name="+")
    policy_version = models.PositiveIntegerField(null=True, blank=True)

    objects = OfTenant.as_manager()

    class Meta:
        """In the run's order."""

        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=["run", "position"], name="variant_place_in_run"),
            models.UniqueConstraint(fields=["run", "name"], name="variant_name_in_run"),
        )

    def __str__(self) -> str:
        return self.name


class RunItem(models.Model):
    """An item that a run still has to do, is doing, or has done."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "waiting"
        LEASED = "leased", "leased"
        DONE = "done", "done"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_run_items")
    run = models.ForeignKey(EvalRun, models.CASCADE, related_name="run_items")
    item = models.ForeignKey(GoldenItem, models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    lease = models.CharField(max_length=32, blank=True, default="")
    leased_until = models.DateTimeField(null=True)
    needs_label = models.BooleanField(default=False, help_text="Whether people are asked what they think of it.")

    objects = OfTenant.as_manager()

    class Meta:
        """In the set's order."""

        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=["run", "item"], name="run_item_once"),)
        indexes = (
            models.Index(fields=["run", "position"], name="eval_items_to_do", condition=~Q(state="done")),
            models.Index(fields=["tenant", "run"], name="eval_items_to_label", condition=Q(needs_label=True)),
        )

    def __str__(self) -> str:
        return str(self.item_id)


class ItemResult(models.Model):
    """A variant's answer to an item. It is written before the gateway tells the call as done, and so paid once."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_results")
    run = models.ForeignKey(EvalRun, models.CASCADE, related_name="results")
    run_item = models.ForeignKey(RunItem, models.CASCADE, related_name="results")
    variant = models.ForeignKey(Variant, models.CASCADE, related_name="results")
    answer = models.TextField(blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="", help_text="Why there is no answer.")
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    model = models.CharField(max_length=200, blank=True, default="", help_text="That answered.")
    cost_nanousd = models.BigIntegerField(null=True)
    latency_ms = models.FloatField(null=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    class Meta:
        """One for each item and variant."""

        constraints = (models.UniqueConstraint(fields=["run_item", "variant"], name="one_result_of_variant"),)
        indexes = (models.Index(fields=["run", "variant"], name="results_of_variant"),)

    def __str__(self) -> str:
        return str(self.pk)


class Score(models.Model):
    """What an evaluator says of an answer; without a value: it cannot tell."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_scores")
    result = models.ForeignKey(ItemResult, models.CASCADE, related_name="scores")
    evaluator = models.CharField(max_length=MAX_NAME_LENGTH)
    value = models.FloatField(null=True, help_text="0 to 1.")
    label = models.CharField(max_length=64, blank=True, default="")
    why = models.CharField(max_length=500, blank=True, default="")

    objects = OfTenant.as_manager()

    class Meta:
        """One for each answer and evaluator."""

        constraints = (models.UniqueConstraint(fields=["result", "evaluator"], name="one_score_of_evaluator"),)

    def __str__(self) -> str:
        return f"{self.evaluator} {self.value}"


class JudgeAnswer(models.Model):
    """What a model said as a judge; written like :class:`ItemResult`, so that it is asked and paid once."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="eval_judge_answers")
    result = models.ForeignKey(ItemResult, models.CASCADE, related_name="judge_answers")
    evaluator = models.CharField(max_length=MAX_NAME_LENGTH)
    slot = models.CharField(max_length=32, help_text="Which of its questions.")
    text = models.TextField()
    cost_nanousd = models.BigIntegerField(null=True)
    correlation_id = models.CharField(max_length=64)

    objects = OfTenant.as_manager()

    class Meta:
        """One for each question."""

        constraints = (models.UniqueConstraint(fields=["result", "evaluator", "slot"], name="one_answer_of_judge"),)

    def __str__(self) -> str:
        return f"{self.evaluator} {self.slot}"


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
