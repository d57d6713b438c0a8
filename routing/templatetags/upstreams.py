"""What cells of the models' table need: ``{% load upstreams %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from routing.models import Model, ModelPrice
from routing.pages.price_words import PricedModel, amount, state_of
from routing.pages.price_words import priced as priced_for

register = template.Library()

register.filter("dollars", amount)


@register.filter
def spaced(name: str) -> str:
    """A name of the configuration as words."""
    return name.replace("_", " ")


@register.simple_tag
def priced(row: Model, workspace: Any) -> PricedModel:
    """The model with its price in this workspace, worked out once a row."""
    known: PricedModel | None = getattr(row, "priced_here", None)
    if known is None:
        tenant = getattr(workspace, "tenant", None)
        known = priced_for(row, None if tenant is None else tenant.pk)
        row.priced_here = known  # type: ignore[attr-defined]
    return known


@register.simple_tag
def price_state(row: ModelPrice) -> tuple[str, str]:
    """Word and tone of a price's state now."""
    return state_of(row, timezone.now())
