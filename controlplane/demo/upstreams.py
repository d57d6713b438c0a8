"""Providers and models of the demo. Their addresses end in ``.invalid``, which no resolver knows: nothing is called."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.specs import Capability, PriceSpec

_CHAT = (Capability.CHAT, Capability.STREAMING, Capability.TOOLS, Capability.JSON_SCHEMA)
_SEEING = (*_CHAT, Capability.VISION)
_EMBEDDING = (Capability.EMBEDDINGS,)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as the demo has it; ``price`` where no price data knows it."""

    name: str
    capabilities: tuple[Capability, ...]
    first_token_ms: float
    token_ms: float
    """Between two tokens of the answer."""
    price: PriceSpec | None = None


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """A provider as the demo has it."""

    name: str
    kind: str
    models: tuple[ModelFacts, ...]
    has_credential: bool = False

    @property
    def secret_name(self) -> str:
        """Under which the platform keeps its invented credential; empty: it needs none."""
        return f"demo-{self.name}" if self.has_credential else ""

    @property
    def base_url(self) -> str:
        """Where it seems to be."""
        path = "/v1" if self.kind in ("openai", "vllm") else ""
        return f"https://{self.name}.demo.invalid{path}"


UPSTREAMS = (
    ProviderFacts(
        "openai",
        "openai",
        (
            ModelFacts("gpt-4.1", _SEEING, 420, 11),
            ModelFacts("gpt-4.1-mini", _SEEING, 290, 7),
            ModelFacts("gpt-5", (*_SEEING, Capability.REASONING), 900, 14),
            ModelFacts("gpt-5-mini", (*_SEEING, Capability.REASONING), 520, 8),
        ),
        has_credential=True,
    ),
    ProviderFacts(
        "anthropic",
        "anthropic",
        (
            ModelFacts("claude-haiku-4-5", (*_SEEING, Capability.REASONING), 350, 7),
            ModelFacts("claude-sonnet-4-5", (*_SEEING, Capability.REASONING), 640, 13),
            ModelFacts("claude-opus-4-5", (*_SEEING, Capability.REASONING), 980, 18),
        ),
        has_credential=True,
    ),
    ProviderFacts(
        "gemini",
        "gemini",
        (
            ModelFacts("gemini-2.5-flash", (*_SEEING, Capability.REASONING), 310, 5),
            ModelFacts("gemini-2.5-pro", (*_SEEING, Capability.REASONING), 1_100, 10),
        ),
        has_credential=True,
    ),
    ProviderFacts(
        "cohere",
        "cohere",
        (ModelFacts("command-a-03-2025", _CHAT, 380, 9), ModelFacts("embed-v4.0", _EMBEDDING, 95, 0)),
        has_credential=True,
    ),
    ProviderFacts(
        "vllm",
        "vllm",
        (
            ModelFacts("qwen3-32b", _CHAT, 180, 16, PriceSpec(input=90_000_000, output=280_000_000)),
            ModelFacts("llama-3.3-70b", _CHAT, 260, 21, PriceSpec(input=180_000_000, output=540_000_000)),
        ),
    ),
    ProviderFacts(
        "sandbox",
        "sandbox",
        (ModelFacts("sandbox-small", _SEEING, 4, 0.2), ModelFacts("sandbox-large", _SEEING, 6, 0.3)),
    ),
)
