"""Evaluators, and runs of variants over golden sets, with results and scores."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from evaluation.golden_rows import MAX_NAME_LENGTH, GoldenItem, GoldenVersion, TenantConfig
from guardrails.models import Policy
from tenants.background_work import BackgroundWork
from tenants.models import Tenant
from tenants.rows import OfTenant, new_uuid7


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
    end = models.BinaryField(null=True, help_text="The event in which the call ends, until it is surely told.")

    objects = OfTenant.as_manager()

    class Meta:
        """One for each item and variant."""

        constraints = (models.UniqueConstraint(fields=["run_item", "variant"], name="one_result_of_variant"),)
        indexes = (
            models.Index(fields=["run", "variant"], name="results_of_variant"),
            models.Index(fields=["run"], name="results_untold", condition=models.Q(end__isnull=False)),
        )

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
    end = models.BinaryField(null=True, help_text="As with the result.")

    objects = OfTenant.as_manager()

    class Meta:
        """One for each question."""

        indexes = (models.Index(fields=["result"], name="said_untold", condition=models.Q(end__isnull=False)),)
        constraints = (models.UniqueConstraint(fields=["result", "evaluator", "slot"], name="one_answer_of_judge"),)

    def __str__(self) -> str:
        return f"{self.evaluator} {self.slot}"
