"""What people are told of each kind of provider."""

from __future__ import annotations

from dataclasses import dataclass

from routing.catalogue import PUBLIC, SANDBOX, KnownProvider
from routing.models import PUBLIC_ADDRESSES
from routing.providers.registry import adapters


@dataclass(frozen=True, slots=True)
class Kind:
    """A wire format in words."""

    key: str
    label: str
    icon: str
    about: str
    address: str = ""
    """An example where there is no public address."""
    needs_key: bool = True

    @property
    def base_url(self) -> str:
        """The kind's own service; empty where everybody runs their own."""
        return PUBLIC_ADDRESSES.get(self.key, "")

    @property
    def known(self) -> KnownProvider | None:
        """The models that are known to be there."""
        return next((known for known in (*PUBLIC, SANDBOX) if known.kind == self.key), None)


_KINDS = (
    Kind("openai", "OpenAI", "sparkles", "GPT and embedding models at api.openai.com."),
    Kind("anthropic", "Anthropic", "brain", "Claude models through the Messages API."),
    Kind("gemini", "Google Gemini", "star", "Gemini models through Google's own format."),
    Kind("cohere", "Cohere", "message-chatbot", "Command and Embed models, API version 2."),
    Kind(
        "azure", "Azure OpenAI", "building", "OpenAI's models in your Azure resource.", "https://NAME.openai.azure.com"
    ),
    Kind("mistral", "Mistral", "wave-sine", "Mistral's models at api.mistral.ai."),
    Kind("groq", "Groq", "bolt", "Open models at api.groq.com."),
    Kind("vllm", "vLLM", "cpu", "Your own vLLM server.", "http://vllm:8000/v1", needs_key=False),
    Kind(
        "ollama",
        "Ollama",
        "device-desktop",
        "Models on a machine of yours.",
        "http://localhost:11434/v1",
        needs_key=False,
    ),
    Kind(
        "openai_compatible",
        "OpenAI-compatible",
        "plug",
        "Any other server that speaks OpenAI's chat format.",
        "https://llm.example.com/v1",
    ),
    Kind(
        "sandbox", "Sandbox", "flask", "Built in: answers without an account, for trying things out.", needs_key=False
    ),
)


def kinds() -> list[Kind]:
    """Every kind that an adapter speaks, those that people use most first."""
    described = {kind.key: kind for kind in _KINDS}
    others = (
        Kind(key, key, "plug", "An adapter of this installation.") for key in sorted(adapters()) if key not in described
    )
    return [kind for kind in _KINDS if kind.key in adapters()] + list(others)


def kind_of(key: str) -> Kind:
    """The kind of this name; one that nobody described is named as it is."""
    return next((kind for kind in kinds() if kind.key == key), Kind(key, key, "plug", ""))
