"""What servers that speak OpenAI's chat format do differently, one table for all of them."""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.specs import Capability, TargetSpec

MaxTokensField = Literal["as_sent", "by_model", "max_tokens", "max_completion_tokens"]
"""Which field carries the cap on output tokens. ``by_model``: ``max_completion_tokens`` for models with the
capability ``reasoning`` (they refuse the other one), as sent for the rest."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server. Each default below is what OpenAI's own API does."""

    kind: str
    label: str
    """As errors name it."""
    max_tokens_field: MaxTokensField = "by_model"
    """A provider's option ``max_tokens_field`` overrides it."""
    asks_for_usage: bool = True
    """Whether streams carry usage only with ``stream_options.include_usage``. Option: ``include_usage``."""
    developer_role: bool = True
    """Whether messages may have the role ``developer``; otherwise they are sent as ``system``, which means the same."""
    keeps_extras: bool = False
    """Whether ``reasoning_content`` and ``extra_content`` of messages are sent back; strict servers refuse them."""
    refuses: tuple[str, ...] = ()
    """Fields that the server refuses or, worse, ignores in silence. A provider's option ``unsupported`` adds more."""
    refuses_names: bool = False
    """Whether ``messages[].name`` is refused."""
    leaves_out: frozenset[str] = frozenset()
    """Hints that the server refuses; leaving them out does not change the answer."""
    renames: tuple[tuple[str, str], ...] = ()
    key_header: Literal["authorization", "api-key"] = "authorization"
    deployments: bool = False
    """Whether the model's wire name is a deployment in the path (with an ``api_version`` among the options)."""


_OPENAI_HINTS = frozenset(
    {
        "metadata",
        "moderation",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)

DIALECTS = (
    Dialect(kind="openai", label="OpenAI"),
    Dialect(kind="azure", label="Azure OpenAI", key_header="api-key", deployments=True),
    Dialect(kind="vllm", label="vLLM", max_tokens_field="as_sent", developer_role=False, keeps_extras=True),
    Dialect(
        kind="ollama",
        label="Ollama",
        max_tokens_field="max_tokens",
        developer_role=False,
        # Not read by Ollama's compatible endpoint, which says nothing about it.
        refuses=("n", "logit_bias", "tool_choice", "parallel_tool_calls"),
    ),
    Dialect(
        kind="mistral",
        label="Mistral",
        max_tokens_field="max_tokens",
        asks_for_usage=False,  # sends usage on its own and answers 422 to unknown fields
        developer_role=False,
        refuses=("logit_bias", "logprobs", "top_logprobs"),
        leaves_out=_OPENAI_HINTS - {"metadata"},
        renames=(("seed", "random_seed"),),
    ),
    Dialect(
        kind="groq",
        label="Groq",
        max_tokens_field="as_sent",
        developer_role=False,
        refuses=("n", "logit_bias", "logprobs", "top_logprobs"),
        refuses_names=True,
        leaves_out=_OPENAI_HINTS - {"metadata", "service_tier", "user", "store"},
    ),
    Dialect(
        kind="openai_compatible",
        label="The provider",
        max_tokens_field="max_tokens",
        developer_role=False,
        keeps_extras=True,
    ),
)


def max_tokens_field(dialect: Dialect, target: TargetSpec) -> str:
    """The name to send the cap under, or ``as_sent``."""
    chosen: str = target.provider.options.get("max_tokens_field", dialect.max_tokens_field)
    if chosen == "by_model":
        return "max_completion_tokens" if Capability.REASONING in target.model.capabilities else "as_sent"
    return chosen
