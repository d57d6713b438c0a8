"""Prices and context windows of public models, from the ``genai-prices`` package's own data (nothing is fetched)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from contracts.money import NANO_USD_PER_USD
from contracts.specs import PriceSpec

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, StartDateConstraint, TieredPrices, TimeOfDateConstraint

_REQUESTS_PER_KCOUNT = 1_000

_OWNERS = {"anthropic": "anthropic", "gemini": "google", "cohere": "cohere"}
"""Kinds that one company only speaks: behind a proxy's address, the price is still the company's. The OpenAI format is
spoken by everyone, so there the address decides."""


class PublishedPrices:
    """What the data says about one model; nothing when the provider or the model is not in it.

    Where the price depends on the length of the prompt, ours is the base tier's, which is right for all but the
    longest prompts: a call above the first threshold (100,000 tokens or more, depending on the model) costs more
    than we say.
    """

    def __init__(self, *, kind: str, base_url: str, wire_name: str) -> None:
        self._named = (kind, base_url, wire_name)

    @cached_property
    def _info(self) -> ModelInfo | None:
        """Looked for when it is asked for: the data takes 18 MB, which a worker saves whose models have prices."""
        return _find(*self._named)

    def at(self, instant: datetime) -> PriceSpec | None:
        """The price at that instant; None when none is known."""
        if self._info is None:
            return None
        prices = self._info.get_prices(instant)
        per_million = {ours: _nano_usd(getattr(prices, theirs, None)) for ours, theirs in _UNITS.items()}
        # Embedding models have no output price, and no output.
        known_input, known_output = per_million.pop("input"), per_million.pop("output") or 0
        if known_input is None:
            return None
        request = (_nano_usd(prices.requests_kcount) or 0) // _REQUESTS_PER_KCOUNT
        return PriceSpec(input=known_input, output=known_output, request=request, **per_million)

    def changes_after(self, instant: datetime) -> set[datetime]:
        """When another price begins: on a day that the data names, or at an hour of the next days."""
        if self._info is None or not isinstance(self._info.prices, list):
            return set()
        instants = (each for price in self._info.prices for each in _beginnings(price.constraint, instant))
        return {each for each in instants if each > instant}


def price_of(*, kind: str, base_url: str, wire_name: str, at: datetime) -> PriceSpec | None:
    """The published price at that instant; None when the provider or model is not in the data."""
    return PublishedPrices(kind=kind, base_url=base_url, wire_name=wire_name).at(at)


def context_window_of(*, kind: str, base_url: str, wire_name: str) -> int | None:
    """Tokens the model can read; None when the data does not say."""
    info = _find(kind, base_url, wire_name)
    return None if info is None else info.context_window


_UNITS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "image_input": "input_image_mtok",
    "image_output": "output_image_mtok",
}
_DAYS_AHEAD = 3
"""Prices by the hour are worked out this far; specs are loaded anew long before."""


def _beginnings(constraint: StartDateConstraint | TimeOfDateConstraint | None, now: datetime) -> Iterator[datetime]:
    from genai_prices.types import StartDateConstraint, TimeOfDateConstraint

    if isinstance(constraint, StartDateConstraint):
        yield _utc(constraint.start_date, time())
    elif isinstance(constraint, TimeOfDateConstraint):
        today = now.astimezone(UTC).date()
        for ahead in range(_DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            yield _utc(day, constraint.start_time)
            yield _utc(day, constraint.end_time)


def _utc(day: date, at: time) -> datetime:
    """The instant; a time without a zone is UTC, as in the data."""
    return datetime.combine(day, at, at.tzinfo or UTC).astimezone(UTC)


@lru_cache(maxsize=4_096)
def _find(kind: str, base_url: str, wire_name: str) -> ModelInfo | None:
    # Remembered, as it takes half a millisecond, and the data stays what it is while the process lives.
    from genai_prices import data_snapshot

    snapshot = data_snapshot.get_snapshot()
    by_owner = _OWNERS.get(kind)
    try:
        _provider, info = snapshot.find_provider_model(wire_name, None, by_owner, None if by_owner else base_url)
    except LookupError:
        return None
    return info


def _nano_usd(price: Decimal | TieredPrices | Any | None) -> int | None:
    if price is None:
        return None
    base = price.base if hasattr(price, "base") else price
    return int(base * NANO_USD_PER_USD)
