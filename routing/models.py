"""Where calls can go (providers, models and their prices) and how they get there (routes, targets).

A provider or route without a tenant is the platform's and shared by all tenants.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from contracts.specs import Capability, Strategy
from routing.judged_answers import AnswerJudgement, RouteConfidence
from routing.kept_answers import CACHE_CONSTRAINT, KeepsAnswers
from routing.model_prices import ModelPrice
from routing.validators import (
    MODEL_NAME,
    PROVIDER_NAME,
    SANDBOX_SCHEME,
    validate_base_url,
    validate_droppable,
    validate_headers,
    validate_kind,
    validate_match_pairs,
    validate_options,
)
from tenants.invalidation import Invalidation
from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenantOrPlatform
from tenants.validators import ROUTE_NAME, validate_secret_owner, validate_secret_reference

__all__ = [
    "PUBLIC_ADDRESSES",
    "AnswerJudgement",
    "Model",
    "ModelPrice",
    "Provider",
    "Route",
    "RouteConfidence",
    "Target",
]

PUBLIC_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "cohere": "https://api.cohere.com",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "sandbox": "sandbox://",
}
"""Where each kind's own service is; kinds that only ever run somewhere private are missing."""


class Provider(ConfigRow):
    """An account at an upstream: where it is, what it speaks, how hard it may be used."""

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        related_name="providers",
        null=True,
        blank=True,
        help_text="Empty: every tenant may use it.",
    )
    name = models.CharField(
        max_length=64, validators=[PROVIDER_NAME], help_text="First half of 'provider/model' in calls and files."
    )
    kind = models.CharField(
        max_length=32, validators=[validate_kind], help_text="The wire format, and so the adapter that speaks it."
    )
    base_url = models.CharField(
        "base address",
        max_length=500,
        blank=True,
        default="",
        validators=[validate_base_url],
        help_text="Such as https://api.openai.com/v1; the adapter appends its paths. Empty: the kind's public address.",
    )
    secret_ref = models.CharField(
        "secret reference",
        max_length=200,
        blank=True,
        default="",
        validators=[validate_secret_reference],
        help_text="Where the credential is: db:NAME (a stored secret of the same owner); for the platform's providers "
        "also env:NAME, vault:MOUNT/PATH#FIELD, aws:SECRET-ID#FIELD or azure:VAULT/SECRET. Empty: none is sent.",
    )
    headers = models.JSONField(
        "extra headers",
        default=dict,
        blank=True,
        validators=[validate_headers],
        help_text='Sent with every call, as a JSON object: {"OpenAI-Organization": "org-..."}. No credentials.',
    )
    connect_timeout_ms = models.PositiveIntegerField("connect timeout (ms)", default=5_000)
    timeout_ms = models.PositiveIntegerField(
        "attempt timeout (ms)",
        default=60_000,
        help_text="To the last byte of a whole answer; on a stream, between two chunks.",
    )
    first_token_timeout_ms = models.PositiveIntegerField(
        "first-token timeout (ms)", default=30_000, help_text="On a stream, until the first piece of the answer."
    )
    max_in_flight = models.PositiveIntegerField(
        default=100, help_text="Calls at a time, per gateway instance and target."
    )
    max_queue = models.PositiveIntegerField(
        default=100, help_text="Calls that may wait for a free slot; further ones move on to the next target."
    )
    options = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_options],
        help_text="What this kind needs beyond the rest, as a JSON object (Azure's api-version, the sandbox's "
        "latency).",
    )
    enabled = models.BooleanField(default=True, help_text="A disabled provider's models are skipped everywhere.")

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="provider_name_unique",
                nulls_distinct=False,
                violation_error_message="There is a provider of this name already.",
            ),
            models.CheckConstraint(
                name="provider_timeouts_positive",
                condition=Q(connect_timeout_ms__gt=0, timeout_ms__gt=0, first_token_timeout_ms__gt=0),
                violation_error_message="Timeouts are at least 1 ms.",
            ),
            models.CheckConstraint(
                name="provider_max_in_flight_positive",
                condition=Q(max_in_flight__gt=0),
                violation_error_message="At least one call at a time; to send none, disable the provider.",
            ),
            models.CheckConstraint(
                name="provider_name_shape", condition=Q(name__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """An empty address becomes the public one of the kind, and empty JSON of any sort an empty object.

        Raises:
            ValidationError: the kind has no address, or is not served at such a one, or the owner may not use the
                credential.
        """
        validate_secret_owner(self.secret_ref, tenant_owned=self.tenant_id is not None)
        self.headers, self.options = self.headers or {}, self.options or {}
        if not self.base_url:
            self.base_url = PUBLIC_ADDRESSES.get(self.kind, "")
        if self.base_url.startswith(SANDBOX_SCHEME) and self.kind != "sandbox":
            raise ValidationError({"base_url": "Only the built-in kind 'sandbox' is at a sandbox:// address."})
        if not self.base_url:
            raise ValidationError({"base_url": f"Kind {self.kind!r} has no public address; write where yours is."})


class Model(ConfigRow):
    """A model at a provider."""

    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models")
    name = models.CharField(
        max_length=128, validators=[MODEL_NAME], help_text="What callers write, alone or as 'provider/name'."
    )
    wire_name = models.CharField(
        max_length=200, blank=True, default="", help_text="What the provider calls it. Empty: the same."
    )
    capabilities = ArrayField(
        models.CharField(max_length=16, choices=[(item.value, item.value) for item in Capability]),
        default=list,
        help_text="A call that needs more than this skips the model.",
    )
    context_window = models.PositiveIntegerField(null=True, blank=True, help_text="Tokens, input and output together.")
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["provider", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "name"],
                name="model_name_unique",
                violation_error_message="The provider has a model of this name already.",
            ),
            models.CheckConstraint(
                name="model_capabilities_known",
                condition=Q(capabilities__contained_by=[item.value for item in Capability], capabilities__len__gt=0),
                violation_error_message="Give the model at least one capability, of the known ones.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.name}"

    def clean(self) -> None:
        """An empty wire name becomes the name."""
        self.wire_name = self.wire_name or self.name

    def audit_tenant_id(self) -> uuid.UUID | None:
        """The provider's owner."""
        return self.provider.tenant_id

    def invalidations(self) -> list[Invalidation]:
        """Those of its provider."""
        return self.provider.invalidations()


class Route(KeepsAnswers, ConfigRow):
    """A named way to serve calls: callers put its name in ``model``, or it matches calls that name no model."""

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        related_name="routes",
        null=True,
        blank=True,
        help_text="Empty: every tenant may use it. A tenant's own route hides the platform's of the same name.",
    )
    name = models.CharField(max_length=128, validators=[ROUTE_NAME], help_text="What callers put in 'model'.")
    strategy = models.CharField(
        max_length=16,
        choices=[(item.value, item.value.replace("_", " ")) for item in Strategy],
        default=Strategy.PRIORITY.value,
        help_text="How the targets are ordered for each call.",
    )
    match_modes = ArrayField(
        models.CharField(max_length=32), default=list, blank=True, help_text="Modes of calls; empty matches any."
    )
    match_tags = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_match_pairs],
        help_text='Tags a call must carry, as a JSON object: {"team": "search"}; an empty value matches any.',
    )
    match_headers = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_match_pairs],
        help_text='Headers a call must carry, as a JSON object: {"x-region": "eu"}; an empty value matches any.',
    )
    order = models.PositiveIntegerField(
        default=100, help_text="Among routes that match a call without a model, the lowest wins."
    )
    is_default = models.BooleanField(
        "default", default=False, help_text="Serves calls that name no model and match no other route."
    )
    retry_max_attempts = models.PositiveSmallIntegerField(
        "attempts", default=3, help_text="Over all targets together, the first included."
    )
    retry_per_target = models.PositiveSmallIntegerField("attempts per target", default=2)
    retry_base_ms = models.PositiveIntegerField(
        "first back-off (ms)", default=100, help_text="Upper end of the first random pause; it doubles each time."
    )
    retry_cap_ms = models.PositiveIntegerField("longest back-off (ms)", default=2_000)
    sticky_by_user = models.BooleanField(default=False, help_text="Keep an end user on one target while it is healthy.")
    total_timeout_ms = models.PositiveIntegerField("total timeout (ms)", default=120_000)
    max_latency_ms = models.PositiveIntegerField(
        "latency ceiling (ms)",
        null=True,
        blank=True,
        help_text="Targets whose recent p95 is above it go last, and the whole call is cut off at it.",
    )
    hedge = models.BooleanField(
        default=False, help_text="Start a second attempt on the next target once the first is slower than its own p95."
    )
    enabled = models.BooleanField(default=True)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        ordering = ["order", "name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="route_name_unique",
                nulls_distinct=False,
                violation_error_message="There is a route of this name already.",
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(is_default=True),
                name="route_default_unique",
                nulls_distinct=False,
                violation_error_message="There is a default route already; unset that one first.",
            ),
            models.CheckConstraint(
                name="route_strategy_known", condition=Q(strategy__in=[item.value for item in Strategy])
            ),
            models.CheckConstraint(
                name="route_retry_sane",
                condition=Q(
                    retry_max_attempts__gt=0, retry_per_target__gt=0, retry_cap_ms__gte=models.F("retry_base_ms")
                ),
                violation_error_message="At least one attempt, and the longest back-off is no shorter than the first.",
            ),
            models.CheckConstraint(
                name="route_timeouts_positive",
                condition=Q(total_timeout_ms__gt=0) & (Q(max_latency_ms=None) | Q(max_latency_ms__gt=0)),
                violation_error_message="Timeouts are at least 1 ms.",
            ),
            CACHE_CONSTRAINT,
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Empty JSON of any sort becomes an empty object."""
        self.match_tags, self.match_headers = self.match_tags or {}, self.match_headers or {}


class Target(ConfigRow):
    """One place a route can send a call. Empty breaker fields take the built-in values."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="targets")
    model = models.ForeignKey(Model, models.RESTRICT, related_name="targets")
    priority = models.PositiveIntegerField(default=0, help_text="Lower goes first.")
    weight = models.PositiveIntegerField(default=1, help_text="Share of calls under strategy 'weighted'.")
    drop_params = ArrayField(
        models.CharField(max_length=64, validators=[validate_droppable]),
        default=list,
        blank=True,
        help_text="Fields to leave out when the provider has no equivalent; any other such field is refused.",
    )
    enabled = models.BooleanField(default=True)
    breaker_window_s = models.PositiveIntegerField("window (s)", null=True, blank=True)
    breaker_minimum_calls = models.PositiveIntegerField("calls before it may open", null=True, blank=True)
    breaker_failure_rate = models.FloatField(
        "failure rate",
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01), MaxValueValidator(1.0)],
        help_text="0.5 opens the circuit when half of the calls in the window fail.",
    )
    breaker_slow_call_ms = models.PositiveIntegerField(
        "slow from (ms)", null=True, blank=True, help_text="0 turns the rule about slow calls off."
    )
    breaker_slow_call_rate = models.FloatField(
        "slow-call rate", null=True, blank=True, validators=[MinValueValidator(0.01), MaxValueValidator(1.0)]
    )
    breaker_open_s = models.FloatField("open for (s)", null=True, blank=True, validators=[MinValueValidator(0.1)])
    breaker_half_open_probes = models.PositiveIntegerField("probes when half open", null=True, blank=True)

    class Meta:
        ordering = ["route", "priority", "-weight", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["route", "model"],
                name="target_unique",
                violation_error_message="The route has this target already.",
            ),
            models.CheckConstraint(
                name="target_breaker_rates",
                condition=(Q(breaker_failure_rate=None) | Q(breaker_failure_rate__gt=0, breaker_failure_rate__lte=1))
                & (Q(breaker_slow_call_rate=None) | Q(breaker_slow_call_rate__gt=0, breaker_slow_call_rate__lte=1)),
                violation_error_message="Rates lie between 0 and 1.",
            ),
            models.CheckConstraint(
                name="target_breaker_counts",
                condition=(Q(breaker_window_s=None) | Q(breaker_window_s__gt=0))
                & (Q(breaker_minimum_calls=None) | Q(breaker_minimum_calls__gt=0))
                & (Q(breaker_half_open_probes=None) | Q(breaker_half_open_probes__gt=0))
                & (Q(breaker_open_s=None) | Q(breaker_open_s__gt=0)),
                violation_error_message="The breaker's window, counts and pause are greater than 0.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route.name} → {self.model}"

    def clean(self) -> None:
        """A route uses the platform's providers and its own tenant's, never another tenant's."""
        # A route that is saved together with the target has no id yet.
        route_id: Any = self.route_id
        if self.model_id is None or (route_id is None and not Target._meta.get_field("route").is_cached(self)):
            return
        owner = self.model.provider.tenant_id
        if owner is not None and owner != self.route.tenant_id:
            raise ValidationError({"model": "The model is at another tenant's provider."})

    def audit_tenant_id(self) -> uuid.UUID | None:
        """The route's owner."""
        return self.route.tenant_id

    def invalidations(self) -> list[Invalidation]:
        """Those of its route."""
        return self.route.invalidations()
