"""The table of own prices: what a model costs from one instant until another, for everybody or for one tenant."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from contracts.money import shown_usd
from contracts.specs import PriceSpec
from tenants.invalidation import Invalidation
from tenants.rows import ConfigRow

KINDS = PriceSpec.__struct_fields__
"""Fields of a price: token kinds, and ``request``."""

_AS_INPUT = "Nano-USD per million tokens; empty: as input."
_AS_OUTPUT = "Nano-USD per million tokens; empty: as output."


class ModelPriceSet(models.QuerySet[Any]):
    """Queries over prices."""

    def for_tenant(self, tenant_id: uuid.UUID) -> Self:
        """Those that hold for this tenant alone."""
        return self.filter(tenant_id=tenant_id)

    def of_everybody(self) -> Self:
        """Those that hold where a tenant has none of its own."""
        return self.filter(tenant=None)

    def overlapping(self, valid_from: datetime | None, valid_until: datetime | None) -> Self:
        """Those that hold at some instant of this time; None is unbounded."""
        found = self
        if valid_until is not None:
            found = found.filter(Q(valid_from=None) | Q(valid_from__lt=valid_until))
        if valid_from is not None:
            found = found.filter(Q(valid_until=None) | Q(valid_until__gt=valid_from))
        return found


class ModelPrice(ConfigRow):
    """What a model costs, in nano-USD per million tokens."""

    model = models.ForeignKey("routing.Model", models.CASCADE, related_name="prices")
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.CASCADE,
        related_name="model_prices",
        null=True,
        blank=True,
        help_text="For this tenant only. Empty: for everybody.",
    )
    valid_from = models.DateTimeField(
        null=True, blank=True, help_text="The instant from which calls cost this. Empty: always did."
    )
    valid_until = models.DateTimeField(
        null=True, blank=True, help_text="The instant from which they no longer do. Empty: until further notice."
    )
    input = models.PositiveBigIntegerField(help_text="Nano-USD per million tokens.")
    output = models.PositiveBigIntegerField(help_text="Nano-USD per million tokens.")
    cached_input = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_INPUT)
    cache_write = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_INPUT)
    reasoning = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_OUTPUT)
    audio_input = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_INPUT)
    audio_output = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_OUTPUT)
    image_input = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_INPUT)
    image_output = models.PositiveBigIntegerField(null=True, blank=True, help_text=_AS_OUTPUT)
    request = models.PositiveBigIntegerField(
        "each call", default=0, help_text="Nano-USD per call, on top of the tokens."
    )

    objects = ModelPriceSet.as_manager()

    class Meta:
        """By model, everybody's first, oldest first. That no two overlap is held by a trigger (see the migration)."""

        verbose_name = "price"
        ordering = ("model", F("tenant").asc(nulls_first=True), F("valid_from").asc(nulls_first=True))
        constraints = (
            models.CheckConstraint(
                name="model_price_ends_after_it_begins",
                condition=Q(valid_from=None) | Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                violation_error_message="A price ends after it begins.",
            ),
        )
        indexes = (models.Index(fields=["model", "tenant", "valid_from"], name="model_price_by_time"),)

    def __str__(self) -> str:
        whose = "" if self.tenant is None else f" for {self.tenant}"
        since = "" if self.valid_from is None else f" from {self.valid_from:%Y-%m-%d %H:%M} UTC"
        return f"{self.model}{whose}: {shown_usd(self.input)} in, {shown_usd(self.output)} out{since}"

    def clean(self) -> None:
        """A tenant's price is of a model that it can call."""
        # A model that is saved together with the price has no id yet.
        if self.tenant_id is None or not (self.model_id or ModelPrice._meta.get_field("model").is_cached(self)):
            return
        owner = self.model.provider.tenant_id
        if owner is not None and owner != self.tenant_id:
            raise ValidationError({"tenant": "The model is at another tenant's provider."})

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Those of the table, and that no other price of the same model and tenant holds at the same time."""
        super().validate_constraints(exclude=exclude)
        if "valid_from" in (exclude or ()):
            return
        others = ModelPrice.objects.filter(model=self.model_id, tenant=self.tenant_id).exclude(pk=self.pk)
        if (other := others.overlapping(self.valid_from, self.valid_until).first()) is not None:
            raise ValidationError(other.overlap_message())

    def overlaps(self, other: ModelPrice) -> bool:
        """Whether both would hold at some instant, were they of the same model and tenant."""
        return _before(self.valid_from, other.valid_until) and _before(other.valid_from, self.valid_until)

    def audit_tenant_id(self) -> uuid.UUID | None:
        """The tenant whose price it is, or else the owner of the model."""
        return self.tenant_id if self.tenant_id is not None else self.model.audit_tenant_id()

    def invalidations(self) -> list[Invalidation]:
        """The tenant's spec; of everybody's price those of the model, and of tenants whose own one ends some day."""
        if self.tenant_id is not None:
            return [Invalidation(scope="tenant", id=str(self.tenant_id))]
        own = ModelPrice.objects.filter(model_id=self.model_id, tenant__isnull=False)
        tenants = own.order_by("tenant_id").values_list("tenant_id", flat=True).distinct()
        return [*self.model.invalidations(), *(Invalidation(scope="tenant", id=str(pk)) for pk in tenants)]

    def overlap_message(self) -> str:
        """What to tell about a price that would hold while this one does."""
        since = "ever" if self.valid_from is None else f"{self.valid_from:%Y-%m-%d %H:%M:%S} UTC"
        until = "further notice" if self.valid_until is None else f"{self.valid_until:%Y-%m-%d %H:%M:%S} UTC"
        return f"There is another price since {since} until {until}; end that one first, or begin this one later."


def _before(start: datetime | None, end: datetime | None) -> bool:
    """Whether what starts then starts before the end; None is unbounded."""
    return start is None or end is None or start < end
