"""Validation of an OpenAI-shaped chat request, shared by every ingress format."""

from __future__ import annotations

from contracts.chat import ChatRequest, JsonObject, Message
from contracts.errors import InvalidRequest
from gateway.formats.validation import (
    MAX_MODE_LENGTH,
    MAX_MODEL_LENGTH,
    MAX_USER_LENGTH,
    convert,
    require_length,
    require_range,
    tags_of,
)

MAX_MESSAGES = 10_000
MAX_CHOICES = 128
MAX_TOOLS = 1_024
RAG = "rag"
"""The mode in which answers rest on documents."""


def chat_request(body: JsonObject) -> ChatRequest:
    """The typed view of ``body``, which it keeps whole.

    Raises:
        InvalidRequest: what the gateway relies on is missing, of the wrong type, or out of range.
    """
    body.pop("__body__", None)
    request = convert(body, ChatRequest)
    # Ours alone; other providers have fields of this name with other values.
    body.pop("priority", None)
    request.body = body
    _check_messages(request.messages)
    _check_ranges(request)
    tags_of(request.tags)
    if request.retrieval is not None and request.mode != RAG:
        raise InvalidRequest(f"'retrieval' goes with the mode '{RAG}'.", param="retrieval")
    return request


def _check_messages(messages: list[Message]) -> None:
    if not messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequest(f"'messages' holds more than {MAX_MESSAGES} messages.", param="messages")
    for position, message in enumerate(messages):
        if message.role == "tool" and not message.tool_call_id:
            raise InvalidRequest(
                "A message with role 'tool' needs a 'tool_call_id'.", param=f"messages[{position}].tool_call_id"
            )
        if message.content is None and message.role not in ("assistant", "function"):
            raise InvalidRequest(
                f"A message with role '{message.role}' needs 'content'.", param=f"messages[{position}].content"
            )


def _check_ranges(request: ChatRequest) -> None:
    require_length(request.model, "model", MAX_MODEL_LENGTH)
    require_length(request.user, "user", MAX_USER_LENGTH)
    require_length(request.mode, "mode", MAX_MODE_LENGTH)
    require_range(request.temperature, "temperature", 0, 2)
    require_range(request.top_p, "top_p", 0, 1)
    require_range(request.n, "n", 1, MAX_CHOICES)
    require_range(request.presence_penalty, "presence_penalty", -2, 2)
    require_range(request.frequency_penalty, "frequency_penalty", -2, 2)
    require_range(request.top_logprobs, "top_logprobs", 0, 20)
    require_range(request.max_tokens, "max_tokens", 1, 100_000_000)
    require_range(request.max_completion_tokens, "max_completion_tokens", 1, 100_000_000)
    if request.tools is not None and len(request.tools) > MAX_TOOLS:
        raise InvalidRequest(f"'tools' holds more than {MAX_TOOLS} tools.", param="tools")
    for position, tool in enumerate(request.tools or ()):
        if tool.type == "function" and tool.function is None:
            raise InvalidRequest("A function tool needs 'function'.", param=f"tools[{position}].function")
    wanted = request.response_format
    if wanted is not None and wanted.type == "json_schema" and wanted.json_schema is None:
        raise InvalidRequest("'response_format' of type 'json_schema' needs 'json_schema'.", param="response_format")
    if request.budget is not None:
        require_range(request.budget.max_tokens, "budget.max_tokens", 1, 100_000_000)
        require_range(request.budget.max_cost_usd, "budget.max_cost_usd", 0, 1_000_000)
