"""Prices as pages show them: what is in force, from where, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from contracts.money import to_usd
from contracts.specs import PriceSpec
from routing.models import Model, ModelPrice, Provider
from routing.prices import PriceHistory

SOURCES = {
    "tenant": ("Own price", "brand", "Set for this tenant."),
    "model": ("Set here", "info", "Set by an operator, for everybody."),
    "published": ("Published", "neutral", "From the published price data; follows it."),
    "unknown": (
        "Unknown",
        "warn",
        "Nobody knows the price: calls cost nothing in reports, and hard budgets refuse them.",
    ),
}
"""By :meth:`routing.prices.PriceHistory.source_at`: word, tone, explanation."""

KIND_LABELS = {
    "input": "Input",
    "output": "Output",
    "cached_input": "Cached input",
    "cache_write": "Cache write",
    "reasoning": "Reasoning",
    "audio_input": "Audio input",
    "audio_output": "Audio output",
    "image_input": "Image input",
    "image_output": "Image output",
    "request": "Each call",
}


def amount(nano: int | None) -> str:
    """Dollars, exact, with cents at least: ``$0.50``, ``$0.075``; a dash for none."""
    if nano is None:
        return "–"
    dollars = to_usd(nano)
    exponent = dollars.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) and exponent < -2 else 2
    return f"${dollars:,.{digits}f}"


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model with its price now and the next one that is known."""

    row: Model
    price: PriceSpec | None
    source: str
    next_at: datetime | None
    next_price: PriceSpec | None

    @property
    def source_label(self) -> str:
        """Where the price is from."""
        return SOURCES[self.source][0]

    @property
    def source_tone(self) -> str:
        """Of its badge."""
        return SOURCES[self.source][1]

    @property
    def source_about(self) -> str:
        """In a sentence."""
        return SOURCES[self.source][2]

    @property
    def input(self) -> str:
        """In dollars per million tokens."""
        return amount(self.price.input) if self.price else "–"

    @property
    def output(self) -> str:
        """In dollars per million tokens."""
        return amount(self.price.output) if self.price else "–"

    @property
    def next_words(self) -> str:
        """What follows; empty where nothing is known to."""
        if self.next_at is None:
            return ""
        if self.next_price is None:
            return "then unknown"
        return f"{amount(self.next_price.input)} in, {amount(self.next_price.output)} out"


def priced(row: Model, tenant_id: Any = None) -> PricedModel:
    """The model's price for the tenant (None: its owner, or everybody); its prices and provider are read already."""
    now = timezone.now()
    history = PriceHistory(row, tenant_id if tenant_id is not None else row.provider.tenant_id)
    timeline = history.timeline(now)
    at, following = timeline.price_changes[0] if timeline.price_changes else (None, None)
    moment = None if at is None else datetime.fromtimestamp(at / 1000, UTC)
    return PricedModel(row, timeline.price, history.source_at(now), moment, following)


def shown_prices(rows: Sequence[Model], provider: Provider | None = None, tenant_id: Any = None) -> list[PricedModel]:
    """:func:`priced` for several; ``provider`` is that of all of them where it has been read."""
    for row in rows:
        if provider is not None:
            row.provider = provider
    return [priced(row, tenant_id) for row in rows]


def state_of(row: ModelPrice, now: datetime) -> tuple[str, str]:
    """Whether a price is over, holds or is to come: word and tone."""
    if row.valid_until is not None and row.valid_until <= now:
        return "Over", "neutral"
    if row.valid_from is not None and row.valid_from > now:
        return "Scheduled", "info"
    return "In force", "good"


def price_rows(price: PriceSpec) -> list[tuple[str, str]]:
    """The kinds that have a price, in words."""
    found = [(KIND_LABELS[kind], getattr(price, kind)) for kind in PriceSpec.__struct_fields__]
    return [(label, amount(value)) for label, value in found if value is not None and (label != "Each call" or value)]
