"""Policies as people edit them, their published versions, and what was found by mistake.

A policy without a tenant is the platform's and applies to the calls of all tenants. A policy has one draft, which is
edited, and versions, which are not: publishing freezes the draft, and ``live_version`` says which one is in force.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, NoReturn

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from contracts.guardrails import Stage
from guardrails.validators import validate_rules
from tenants.background_work import BackgroundWork
from tenants.models import ApiKey, Tenant
from tenants.rows import ConfigRow, OfTenantOrPlatform, new_uuid7
from tenants.validators import ROUTE_NAME

MAX_NAME_LENGTH = 64
MAX_CASE_LENGTH = 20_000
"""Characters of a case's text."""


class Policy(ConfigRow):
    """An ordered list of rules, and to which calls it applies."""

    class Mode(models.TextChoices):
        """What the published version does."""

        OFF = "off", "off"
        SHADOW = "shadow", "shadow"
        ENFORCE = "enforce", "enforce"

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        related_name="policies",
        null=True,
        blank=True,
        help_text="Empty: it applies to the calls of every tenant.",
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    description = models.CharField(max_length=300, blank=True, default="")
    mode = models.CharField(
        max_length=8,
        choices=Mode,
        default=Mode.OFF,
        help_text="Shadow: events tell what it would do, and calls go on as if it were not there.",
    )
    order = models.PositiveIntegerField(
        default=100, help_text="Of several policies that apply to a call, the lowest goes first."
    )
    routes = ArrayField(
        models.CharField(max_length=128, validators=[ROUTE_NAME]),
        default=list,
        blank=True,
        help_text="Names of the routes to whose calls it applies. Empty: all.",
    )
    keys = ArrayField(
        models.UUIDField(),
        default=list,
        blank=True,
        help_text="Ids of the API keys to whose calls it applies. Empty: all.",
    )
    rules = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_rules],
        help_text="The draft: the rules in order, as the next version would have them.",
    )
    live_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Number of the version in force. Empty: none was published yet."
    )

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """In the order in which they are applied."""

        ordering = ("order", "name", "id")
        verbose_name_plural = "policies"
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="policy_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is a policy of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(mode="off") | Q(live_version__isnull=False),
                name="policy_in_force_is_published",
                violation_error_message="Publish a version before the policy is switched on.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Keys are the owner's own; a platform-wide policy names none.

        Raises:
            ValidationError: a key is not the tenant's.
        """
        if not self.keys:
            return
        if self.tenant_id is None:
            raise ValidationError({"keys": "A policy for all tenants names no keys; keys belong to one tenant."})
        known = set(ApiKey.objects.filter(tenant_id=self.tenant_id, pk__in=self.keys).values_list("pk", flat=True))
        missing = [str(key) for key in self.keys if key not in known]
        if missing:
            raise ValidationError({"keys": f"The tenant has no key {missing[0]}."})

    @property
    def is_on(self) -> bool:
        """Whether calls are looked at."""
        return self.mode != self.Mode.OFF and self.live_version is not None


class PolicyVersion(models.Model):
    """Rules as they were published; the database refuses to change one."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="versions")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="policy_versions", null=True, blank=True)
    number = models.PositiveIntegerField(help_text="From 1, without gaps.")
    rules = models.JSONField(default=list, validators=[validate_rules])
    note = models.CharField(max_length=300, blank=True, default="", help_text="What changed, and why.")
    author = models.CharField(max_length=200)
    failing_cases = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Cases that failed, and were accepted to, when it was published."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=["policy", "number"], name="version_of_policy"),)

    def __str__(self) -> str:
        return f"{self.policy.name} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Written once.

        Raises:
            TypeError: it is stored already.
        """
        if not self._state.adding:
            _immutable()
        super().save(*args, **kwargs)

    def audit_tenant_id(self) -> uuid.UUID | None:
        """The tenant whose version it is; None for the platform's."""
        return self.tenant_id


def _immutable() -> NoReturn:
    raise TypeError("A published version is not changed; publish another.")


class FalsePositive(ConfigRow):
    """Somebody said that a rule took offence at something harmless."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="false_positives", null=True, blank=True)
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="false_positives")
    rule_id = models.CharField(max_length=64)
    text_hash = models.CharField(max_length=64, help_text="SHA-256 of the text, so that the same one is known again.")
    text = models.TextField(blank=True, default="", help_text="Only where the tenant stores payloads.")
    note = models.CharField(max_length=300, blank=True, default="")
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    marked_by = models.CharField(max_length=200)

    objects = OfTenantOrPlatform.as_manager()
    audit_exclude: ClassVar[frozenset[str]] = frozenset({"text"})

    class Meta:
        """The newest first; each text once for each rule."""

        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["policy", "rule_id", "text_hash"],
                name="false_positive_once",
                violation_error_message="This is marked already.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rule_id} {self.text_hash[:12]}"

    def invalidations(self) -> list[Any]:
        """None: no compiled copy has it."""
        return []


class PolicyCase(ConfigRow):
    """A text with what the draft is to make of it: run on demand, and before each publication."""

    class Expectation(models.TextChoices):
        """What is right."""

        HARMLESS = "harmless", "harmless"
        FOUND = "found", "found"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="policy_cases", null=True, blank=True)
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="cases")
    expect = models.CharField(
        max_length=8, choices=Expectation, help_text="Harmless: no rule may find anything. Found: one must."
    )
    stage = models.CharField(max_length=12, choices=[(stage.value, stage.value) for stage in Stage])
    text = models.TextField(max_length=MAX_CASE_LENGTH)
    text_hash = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the text.")
    rule_id = models.CharField(
        max_length=64, blank=True, default="", help_text="The rule that must, or must not, find something. Empty: any."
    )
    note = models.CharField(max_length=300, blank=True, default="", help_text="Why, or where it comes from.")
    added_by = models.CharField(max_length=200)

    objects = OfTenantOrPlatform.as_manager()
    audit_exclude: ClassVar[frozenset[str]] = frozenset({"text"})

    class Meta:
        """In the order in which they were added; each text once for each rule and stage."""

        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["policy", "stage", "rule_id", "text_hash"],
                name="policy_case_once",
                violation_error_message="There is a case with this text already.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.expect} {self.text_hash[:12]}"

    def invalidations(self) -> list[Any]:
        """None: no compiled copy has it."""
        return []


class DryRun(BackgroundWork):
    """A draft tried on stored calls: how far it is, and what it would have done."""

    work_type = "dryrun"

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="dry_runs")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="policy_dry_runs", null=True, blank=True)
    rules = models.JSONField(help_text="The draft as it was when it was asked for.")
    wanted = models.PositiveIntegerField(help_text="At most so many calls, the newest first.")
    ask_models = models.BooleanField(
        default=False, db_default=False, help_text="Whether rules that ask models do so, which costs money."
    )
    looked_at = models.PositiveIntegerField(default=0)
    without_text = models.PositiveIntegerField(default=0, help_text="Calls of which no text is stored.")
    counts = models.JSONField(default=dict, help_text="Calls by the strongest action: block, redact, mask ...")
    by_rule = models.JSONField(default=dict, help_text="Calls by the rules that matched.")
    examples = models.JSONField(default=list, help_text="The first calls that something would have happened to.")

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-requested_at",)

    def __str__(self) -> str:
        return f"{self.policy_id} ({self.state})"

    def work_name(self) -> str:
        """The policy's name."""
        return self.policy.name

    def audit_tenant_id(self) -> uuid.UUID | None:
        """The tenant whose calls are looked at; None for the platform's policies."""
        return self.tenant_id
