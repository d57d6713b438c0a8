"""Prices and context windows of public models, from the ``genai-prices`` package's own data (nothing is fetched)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, TieredPrices

from contracts.specs import PriceSpec

NANO_USD_PER_USD = 1_000_000_000
_REQUESTS_PER_KCOUNT = 1_000

_OWNERS = {"anthropic": "anthropic", "gemini": "google", "cohere": "cohere"}
"""Kinds that one company only speaks: behind a proxy's address, the price is still the company's. The OpenAI format is
spoken by everyone, so there the address decides."""


def price_of(*, kind: str, base_url: str, wire_name: str, at: datetime) -> PriceSpec | None:
    """The published price on that day; None when the provider or model is not in the data.

    Where the price depends on the length of the prompt, this is the base tier's, which is right for all but the
    longest prompts: a call above the first threshold (100,000 tokens or more, depending on the model) costs more
    than we say.
    """
    info = _find(kind, base_url, wire_name)
    if info is None:
        return None
    prices = info.get_prices(at)
    per_million = {name: _nano_usd(getattr(prices, f"{name}_mtok")) for name in _UNITS}
    if per_million["input"] is None:
        return None
    return PriceSpec(
        input=per_million["input"],
        # Embedding models have no output price, and no output.
        output=per_million["output"] or 0,
        cached_input=per_million["cache_read"],
        cache_write=per_million["cache_write"],
        audio_input=per_million["input_audio"],
        audio_output=per_million["output_audio"],
        request=(_nano_usd(prices.requests_kcount) or 0) // _REQUESTS_PER_KCOUNT,
    )


def context_window_of(*, kind: str, base_url: str, wire_name: str) -> int | None:
    """Tokens the model can read; None when the data does not say."""
    info = _find(kind, base_url, wire_name)
    return None if info is None else info.context_window


_UNITS = ("input", "output", "cache_read", "cache_write", "input_audio", "output_audio")


def _find(kind: str, base_url: str, wire_name: str) -> ModelInfo | None:
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
    base = price.base if isinstance(price, TieredPrices) else price
    return int(base * NANO_USD_PER_USD)
