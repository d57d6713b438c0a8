"""Anthropic's answers as OpenAI's: the whole message, stop reasons and usage."""

from __future__ import annotations

import time
from typing import Any, TypeGuard

import msgspec

from contracts.chat import ChatResult, JsonObject, Usage
from contracts.errors import ProviderBadResponse
from routing.providers.anthropic.blocks import PROVIDER, message_of_blocks
from routing.providers.openai_shape import completion_body, decoded

NAME = "Anthropic"

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP_FIELDS = ("stop_reason", "stop_sequence", "stop_details", "container", "diagnostics", "context_management")
_COUNTED = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    }
)
_message = msgspec.json.Decoder(dict[str, Any])


def finish_reason_of(stop_reason: object) -> str:
    """OpenAI's finish reason; a stop reason that is newer than this code counts as an ordinary end."""
    return _FINISH_REASONS.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"


def usage_of(raw: JsonObject) -> Usage:
    """Anthropic counts input without the cached parts; here they are included."""
    cached = _count(raw, "cache_read_input_tokens")
    written = _count(raw, "cache_creation_input_tokens")
    details = raw.get("output_tokens_details")
    return Usage(
        input_tokens=_count(raw, "input_tokens") + cached + written,
        output_tokens=_count(raw, "output_tokens"),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=_count(details, "thinking_tokens") if isinstance(details, dict) else 0,
    )


def ending_of(fields: JsonObject, usage: JsonObject) -> JsonObject:
    """What only Anthropic says about how an answer ended, for ``extra_content`` of the answer."""
    ending = {name: fields[name] for name in _STOP_FIELDS if fields.get(name) is not None}
    further = {name: value for name, value in usage.items() if name not in _COUNTED and value is not None}
    if further:
        ending["usage"] = further
    return {PROVIDER: ending}


def result_of(body: bytes) -> ChatResult:
    """A whole answer.

    Raises:
        ProviderBadResponse: the body is not a Messages API message.
    """
    raw = decoded(_message, body, NAME)
    content = raw.get("content")
    usage_raw = raw.get("usage")
    if raw.get("type") != "message" or not _are_blocks(content) or not isinstance(usage_raw, dict):
        raise ProviderBadResponse(f"{NAME} sent something other than a message.")
    usage = usage_of(usage_raw)
    choice = {
        "index": 0,
        "message": {"refusal": None, **message_of_blocks(content)},
        "finish_reason": finish_reason_of(raw.get("stop_reason")),
        "logprobs": None,
    }
    completion = completion_body(
        id=str(raw.get("id", "")),
        created=int(time.time()),
        model=str(raw.get("model", "")),
        choices=[choice],
        usage=usage,
    )
    completion["extra_content"] = ending_of(raw, usage_raw)
    return ChatResult(completion, usage)


def _are_blocks(value: object) -> TypeGuard[list[JsonObject]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _count(raw: JsonObject, name: str) -> int:
    value = raw.get(name)
    return value if isinstance(value, int) and value > 0 else 0
