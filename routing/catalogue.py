"""Providers that are registered by themselves: the built-in sandbox, and each whose credential is in the environment.

Prices and context windows of public models come from the price data (:mod:`routing.published_prices`), not from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.specs import Capability
from routing.models import PUBLIC_ADDRESSES, Provider
from routing.published_prices import context_window_of
from routing.services import create_model, create_provider

_CHAT = (Capability.CHAT, Capability.STREAMING, Capability.TOOLS, Capability.JSON_SCHEMA)
_SEEING = (*_CHAT, Capability.VISION)
_THINKING = (*_SEEING, Capability.REASONING)
_EMBEDDING = (Capability.EMBEDDINGS,)


class KnownModel(msgspec.Struct, frozen=True):
    """A model and what it can do; ``prices`` in nano-USD per million tokens where no price data has them."""

    name: str
    capabilities: tuple[Capability, ...]
    prices: dict[str, int] = msgspec.field(default_factory=dict)
    context_window: int | None = None
    max_output_tokens: int | None = None


class KnownProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider and the models to begin with; ``credential`` names the environment variable that registers it."""

    name: str
    kind: str
    credential: str = ""
    models: tuple[KnownModel, ...] = ()


SANDBOX = KnownProvider(
    name="sandbox",
    kind="sandbox",
    models=(
        KnownModel(
            "sandbox-small",
            _SEEING,
            prices={"input": 150_000_000, "output": 600_000_000, "cached_input": 75_000_000},
            context_window=128_000,
            max_output_tokens=16_384,
        ),
        KnownModel(
            "sandbox-large",
            _THINKING,
            prices={"input": 2_500_000_000, "output": 10_000_000_000, "cached_input": 1_250_000_000},
            context_window=200_000,
            max_output_tokens=32_768,
        ),
        KnownModel(
            "sandbox-embed",
            _EMBEDDING,
            prices={"input": 20_000_000, "output": 0},
            context_window=8_192,
        ),
    ),
)

PUBLIC = (
    KnownProvider(
        name="openai",
        kind="openai",
        credential="OPENAI_API_KEY",
        models=(
            KnownModel("gpt-4o", _SEEING),
            KnownModel("gpt-4o-mini", _SEEING),
            KnownModel("gpt-4.1", _SEEING),
            KnownModel("gpt-4.1-mini", _SEEING),
            KnownModel("gpt-5", _THINKING),
            KnownModel("gpt-5-mini", _THINKING),
            KnownModel("text-embedding-3-small", _EMBEDDING),
            KnownModel("text-embedding-3-large", _EMBEDDING),
        ),
    ),
    KnownProvider(
        name="anthropic",
        kind="anthropic",
        credential="ANTHROPIC_API_KEY",
        models=(
            KnownModel("claude-haiku-4-5", _THINKING),
            KnownModel("claude-sonnet-4-5", _THINKING),
            KnownModel("claude-opus-4-5", _THINKING),
        ),
    ),
    KnownProvider(
        name="gemini",
        kind="gemini",
        credential="GEMINI_API_KEY",
        models=(
            KnownModel("gemini-2.5-flash-lite", _THINKING),
            KnownModel("gemini-2.5-flash", _THINKING),
            KnownModel("gemini-2.5-pro", _THINKING),
            KnownModel("gemini-embedding-001", _EMBEDDING),
        ),
    ),
    KnownProvider(
        name="cohere",
        kind="cohere",
        credential="COHERE_API_KEY",
        models=(
            KnownModel("command-a-03-2025", _CHAT),
            KnownModel("command-r7b-12-2024", _CHAT),
            KnownModel("embed-v4.0", _EMBEDDING),
        ),
    ),
)


def present_in(environ: Mapping[str, str]) -> list[KnownProvider]:
    """Those whose credential is set and not blank."""
    return [known for known in PUBLIC if environ.get(known.credential, "").strip()]


def register(known: KnownProvider) -> Provider:
    """Create the provider, for all tenants, with its models.

    Raises:
        ValidationError: there is a provider of this name already, or no adapter speaks the kind.
    """
    address = PUBLIC_ADDRESSES[known.kind]
    reference = f"env:{known.credential}" if known.credential else ""
    provider = create_provider(name=known.name, kind=known.kind, base_url=address, secret_ref=reference)
    for model in known.models:
        create_model(provider=provider, name=model.name, capabilities=model.capabilities, **details_of(known, model))
    return provider


def details_of(known: KnownProvider, model: KnownModel) -> dict[str, Any]:
    """What :func:`routing.services.create_model` takes besides the name and the capabilities."""
    window = model.context_window or context_window_of(
        kind=known.kind, base_url=PUBLIC_ADDRESSES[known.kind], wire_name=model.name
    )
    return {"context_window": window, "max_output_tokens": model.max_output_tokens, "prices": model.prices}
