"""The parts of a Messages API answer that a whole one and a streamed one share."""

from __future__ import annotations

from contracts.chat import JsonObject, Usage
from contracts.errors import GatewayError

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def message_id(id: object, correlation_id: str) -> str:
    """Anthropic's own id where it gave one."""
    return id if isinstance(id, str) and id.startswith("msg_") else f"msg_{correlation_id}"


def stop_fields(finish_reason: str | None, ending: JsonObject) -> JsonObject:
    """Why the answer ended, in Anthropic's own words where it said so."""
    fields: JsonObject = {
        "stop_reason": _STOP_REASONS.get(finish_reason or "stop", "end_turn"),
        "stop_sequence": None,
    }
    return fields | {name: value for name, value in ending.items() if name != "usage"}


def usage_object(usage: Usage, ending: JsonObject) -> JsonObject:
    """Usage as Anthropic counts it: input tokens without the cached ones."""
    uncached = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    counted: JsonObject = {
        "input_tokens": max(0, uncached),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        counted["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    further = ending.get("usage")
    return {**(further if isinstance(further, dict) else {}), **counted}


def error_object(error: GatewayError, correlation_id: str) -> JsonObject:
    """Anthropic's error shape; the fields beside ``type`` and ``message`` are ours."""
    ours = error.as_body(correlation_id)["error"]
    kind = _ERROR_TYPES.get(error.status)
    if kind is None:
        kind = "invalid_request_error" if 400 <= error.status < 500 else "api_error"
    return {"type": "error", "error": {**ours, "type": kind}, "request_id": correlation_id}
