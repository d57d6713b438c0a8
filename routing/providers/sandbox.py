"""The built-in provider that needs no account: OpenAI's wire format to ``sandbox://``, answered inside the process.

Its requests are served by :class:`routing.providers.sandbox_transport.SandboxUpstream`. The provider's options
(see :class:`SandboxOptions`) let an operator rehearse slow answers and failures.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.chat import ChatRequest, EmbeddingRequest
from contracts.errors import InternalError
from contracts.ports import UpstreamRequest
from contracts.specs import TargetSpec
from routing.providers.openai import OpenAIAdapter
from routing.providers.openai_dialects import Dialect
from routing.providers.openai_fields import OPENAI_ONLY

OPTIONS_HEADER = "x-sandbox-options"
SCHEME = "sandbox://"

SandboxFailure = Literal["error", "hang", "reset", "half_stream", "garbage"]


class SandboxOptions(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How the sandbox behaves for one provider; times in ms. Unknown names are ignored."""

    latency_ms: float = 0
    """Until the answer begins."""
    latency_jitter_ms: float = 0
    """Up to so much is added to ``latency_ms``, evenly distributed."""
    token_interval_ms: float = 0
    """Between two tokens; a whole answer takes as long as its stream would."""
    failure_rate: float = 0
    """Share of the calls that fail, 0 to 1, evenly spread: with 0.25 each fourth call fails."""
    failure: SandboxFailure = "error"
    failure_status: int = 503
    """Of the failure ``error``."""
    retry_after_s: float | None = None
    """Sent with the failure ``error``."""
    output_tokens: int | None = None
    """Answer with exactly so many tokens of filler."""
    reply: str | None = None
    """Answer this text whatever is asked."""
    report_usage: bool = True
    """False: leave usage out, as some servers do."""


_REFUSES = ("logprobs", "top_logprobs", "logit_bias", *sorted(OPENAI_ONLY))
_decode_options = msgspec.json.Decoder(SandboxOptions, strict=False)


class SandboxAdapter(OpenAIAdapter):
    """The OpenAI adapter with another address."""

    def __init__(self) -> None:
        super().__init__(Dialect(kind="sandbox", label="The sandbox", max_tokens_field="as_sent", refuses=_REFUSES))

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """A request to ``sandbox://chat``."""
        return _addressed(super().build_chat(request, target), "chat", target)

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """A request to ``sandbox://embeddings``."""
        return _addressed(super().build_embeddings(request, target), "embeddings", target)


def options_of(headers: tuple[tuple[str, str], ...]) -> SandboxOptions:
    """The options that travel with a request.

    Raises:
        InternalError: the provider's options are of the wrong types.
    """
    raw = next((value for name, value in headers if name == OPTIONS_HEADER), "{}")
    try:
        return _decode_options.decode(raw)
    except msgspec.ValidationError as error:
        raise InternalError(f"The options of this sandbox provider are wrong: {error}.") from error


def _addressed(request: UpstreamRequest, operation: str, target: TargetSpec) -> UpstreamRequest:
    options = msgspec.json.encode(target.provider.options).decode()
    # The provider's name keeps the failure counters of two sandbox providers apart.
    return UpstreamRequest(
        "POST",
        f"{SCHEME}{target.provider.name}/{operation}",
        (("content-type", "application/json"), (OPTIONS_HEADER, options)),
        request.body,
    )


ADAPTERS = (SandboxAdapter(),)
