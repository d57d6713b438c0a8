"""What a request needs of a target, and why a target cannot serve it."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.chat import ChatRequest, EmbeddingRequest
from contracts.errors import ContextTooLong, GatewayError, UnsupportedParameter
from contracts.events import SkippedTarget
from contracts.specs import Capability, TargetSpec
from routing.providers.base import Adapter

_WINDOW_MARGIN = 2
"""The token estimate errs upwards by up to about this factor; a target is ruled out only when even the estimate
divided by it does not fit. Closer calls are left to the provider, whose refusal moves the call on."""

_PARAM = {
    Capability.STREAMING: "stream",
    Capability.TOOLS: "tools",
    Capability.JSON_SCHEMA: "response_format",
    Capability.REASONING: "reasoning_effort",
    Capability.VISION: "messages",
    Capability.AUDIO: "messages",
    Capability.EMBEDDINGS: "model",
    Capability.CHAT: "model",
}
"""The request field that asks for a capability."""

_EMBEDDINGS = frozenset({Capability.EMBEDDINGS})
_CHAT = frozenset({Capability.CHAT})
_CHAT_STREAM = frozenset({Capability.CHAT, Capability.STREAMING})
_PARTS = {"image_url": Capability.VISION, "input_audio": Capability.AUDIO}


def needs_of(request: ChatRequest | EmbeddingRequest) -> frozenset[Capability]:
    """The capabilities without which a target cannot honour the request."""
    if isinstance(request, EmbeddingRequest):
        return _EMBEDDINGS
    extra: set[Capability] = set()
    if request.tools:
        extra.add(Capability.TOOLS)
    if request.response_format is not None and request.response_format.type == "json_schema":
        extra.add(Capability.JSON_SCHEMA)
    if request.reasoning_effort is not None and request.reasoning_effort != "none":
        extra.add(Capability.REASONING)
    for message in request.messages:
        if isinstance(message.content, list):
            extra.update(_PARTS[kind] for part in message.content if (kind := part.get("type")) in _PARTS)
    base = _CHAT_STREAM if request.stream else _CHAT
    return base | extra if extra else base


def exclusion(
    request: ChatRequest | EmbeddingRequest,
    needs: frozenset[Capability],
    target: TargetSpec,
    adapter: Adapter,
    input_tokens: int,
) -> str | None:
    """Why this target cannot serve the request whatever its health (``SkippedTarget.reason``); None when it can."""
    model = target.model
    if not needs <= model.capabilities:
        for missing in sorted(needs - model.capabilities):
            if _PARAM[missing] not in target.drop_params:
                return f"lacks:{missing.value}"
    if isinstance(request, EmbeddingRequest):
        return None if adapter.supports_embeddings else f"lacks:{Capability.EMBEDDINGS.value}"
    unsupported = adapter.unsupported_params(request, target)
    if unsupported:
        return f"unsupported:{unsupported[0]}"
    if model.context_window is not None:
        least = input_tokens // _WINDOW_MARGIN + (request.max_output_tokens or 0)
        if least > model.context_window:
            return "context_window"
    return None


def refusal(skipped: Sequence[SkippedTarget]) -> GatewayError | None:
    """The caller's error when every target was ruled out by the request itself; None when health played a part."""
    if not skipped or any(not _by_request(entry.reason) for entry in skipped):
        return None
    if any(entry.reason == "context_window" for entry in skipped):
        targets = ", ".join(entry.target for entry in skipped if entry.reason == "context_window")
        return ContextTooLong(
            f"The prompt and the requested output do not fit the context window of {targets}.", param="messages"
        )
    kind, _, what = skipped[0].reason.partition(":")
    param = _PARAM[Capability(what)] if kind == "lacks" else what
    told = "; ".join(f"{entry.target} {_in_words(entry.reason)}" for entry in skipped)
    return UnsupportedParameter(f"No target of this route can honour the request: {told}.", param=param)


def _by_request(reason: str) -> bool:
    return reason == "context_window" or reason.startswith(("lacks:", "unsupported:"))


def _in_words(reason: str) -> str:
    kind, _, what = reason.partition(":")
    if kind == "lacks":
        return f"lacks the capability {what!r}"
    return f"does not support {what!r}"
