"""A Messages API request as a chat request in OpenAI's shape.

What OpenAI's shape has no place for goes two ways. Marks that change nothing at other providers (cache control,
thinking in Anthropic's own words, titles of documents) travel in ``extra_content.anthropic`` and come out unchanged at
an Anthropic target. Fields that do change the answer (``top_k``, ``container``, ``mcp_servers`` ...) stay at the top of
the body: a provider that does not know them refuses them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatRequest, JsonObject
from contracts.errors import InvalidRequest
from gateway.formats.chat_request import chat_request
from gateway.formats.messages_citations import without_own
from gateway.formats.messages_content import chat_messages, system_message
from gateway.formats.validation import convert, set_if
from routing.providers.anthropic.blocks import PROVIDER


class MessageParam(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[JsonObject]


class MessagesRequest(msgspec.Struct, kw_only=True):
    """The fields that are translated; all others pass through."""

    messages: list[MessageParam]
    model: str | None = None
    max_tokens: int | None = None
    system: str | list[JsonObject] | None = None
    metadata: JsonObject | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    thinking: JsonObject | None = None
    tool_choice: JsonObject | None = None
    tools: list[JsonObject] | None = None
    output_config: JsonObject | None = None
    output_format: JsonObject | None = None
    """Where structured outputs were asked for before ``output_config``."""
    cache_control: JsonObject | None = None


_TRANSLATED = frozenset(MessagesRequest.__struct_fields__)
_TOOL_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_FUNCTION_FIELDS = frozenset({"type", "name", "description", "input_schema", "strict"})
_EFFORT_OF_BUDGET = ((4_096, "low"), (16_384, "medium"))
"""Thinking tokens up to which an effort is meant; LiteLLM and OpenRouter draw similar lines."""


def parse_messages(body: JsonObject, *, counting: bool = False) -> ChatRequest:
    """The request; ``counting`` does without ``max_tokens``.

    Raises:
        InvalidRequest: malformed; ``param`` names the field.
    """
    request = convert(body, MessagesRequest)
    if request.max_tokens is None and not counting:
        raise InvalidRequest("'max_tokens' is required.", param="max_tokens")
    extra: JsonObject = {}
    chat: JsonObject = {name: value for name, value in body.items() if name not in _TRANSLATED}
    chat["messages"] = _messages(request)
    set_if(chat, "model", request.model)
    set_if(chat, "max_tokens", request.max_tokens)
    set_if(chat, "stream", request.stream)
    set_if(chat, "temperature", request.temperature)
    set_if(chat, "top_p", request.top_p)
    set_if(chat, "stop", request.stop_sequences or None)
    set_if(extra, "cache_control", request.cache_control)
    _set_user(chat, extra, request.metadata)
    _set_output(chat, request)
    _set_thinking(chat, extra, request.thinking)
    if request.tools:
        chat["tools"] = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(request.tools)]
    if request.tool_choice is not None:
        _set_tool_choice(chat, request.tool_choice)
    given = chat.get("extra_content")
    if extra:
        chat["extra_content"] = {**(given if isinstance(given, dict) else {}), PROVIDER: extra}
    return chat_request(chat)


def _messages(request: MessagesRequest) -> list[JsonObject]:
    messages = [] if not request.system else [system_message(request.system, "system")]
    without_own(message.content for message in request.messages)
    for number, message in enumerate(request.messages):
        messages += chat_messages(message.role, message.content, f"messages[{number}]")
    if not request.messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    return messages


def _set_user(chat: JsonObject, extra: JsonObject, metadata: JsonObject | None) -> None:
    if not metadata:
        return
    rest = dict(metadata)
    user = rest.pop("user_id", None)
    if user is not None and not isinstance(user, str):
        raise InvalidRequest("'metadata.user_id' must be a string.", param="metadata.user_id")
    set_if(chat, "user", user)
    if rest:
        extra["metadata"] = rest


def _set_output(chat: JsonObject, request: MessagesRequest) -> None:
    config = dict(request.output_config or {})
    form = config.pop("format", None) or request.output_format
    set_if(chat, "reasoning_effort", config.pop("effort", None))
    if form is not None:
        schema = form.get("schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None
        if not isinstance(schema, dict):
            raise InvalidRequest(
                '\'output_config.format\' must be {"type": "json_schema", "schema": {...}}.',
                param="output_config.format",
            )
        chat["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": _fits_strict_mode(schema)},
        }
    if config:
        chat["output_config"] = config


def _fits_strict_mode(schema: Any) -> bool:
    """Whether every object is closed and requires all its properties, as OpenAI's strict mode wants it."""
    if isinstance(schema, list):
        return all(_fits_strict_mode(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        named = set(properties) if isinstance(properties, dict) else set()
        if schema.get("additionalProperties") is not False or not named <= set(required or ()):
            return False
    return all(_fits_strict_mode(value) for value in schema.values())


def _set_thinking(chat: JsonObject, extra: JsonObject, thinking: JsonObject | None) -> None:
    """Kept in its own words for Anthropic; for others an effort, unless the caller named one."""
    if thinking is None:
        return
    extra["thinking"] = thinking
    effort = chat.get("reasoning_effort")
    if effort is not None:
        extra["output_config"] = {"effort": effort}
    kind = thinking.get("type")
    if kind == "disabled":
        chat["reasoning_effort"] = "none"
    elif kind == "enabled" and effort is None:
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int):
            raise InvalidRequest("'thinking.budget_tokens' must be a whole number.", param="thinking.budget_tokens")
        chat["reasoning_effort"] = next((name for limit, name in _EFFORT_OF_BUDGET if budget <= limit), "high")
    elif not isinstance(kind, str):
        raise InvalidRequest("'thinking' needs a string 'type'.", param="thinking.type")


def _tool(tool: JsonObject, where: str) -> JsonObject:
    """A function, or a tool of Anthropic's own (``web_search_20250305`` ...) as it came."""
    if tool.get("type") not in (None, "custom"):
        return tool
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not isinstance(schema, dict):
        raise InvalidRequest("A tool needs a string 'name' and an object 'input_schema'.", param=where)
    function: JsonObject = {"name": name, "parameters": schema}
    set_if(function, "description", tool.get("description"))
    set_if(function, "strict", tool.get("strict"))
    chat_tool: JsonObject = {"type": "function", "function": function}
    rest = {key: value for key, value in tool.items() if key not in _FUNCTION_FIELDS and value is not None}
    if rest:
        chat_tool["extra_content"] = {PROVIDER: rest}
    return chat_tool


def _set_tool_choice(chat: JsonObject, choice: JsonObject) -> None:
    kind = choice.get("type")
    if kind == "tool" and isinstance(choice.get("name"), str):
        chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif isinstance(kind, str) and kind in _TOOL_CHOICES:
        chat["tool_choice"] = _TOOL_CHOICES[kind]
    else:
        raise InvalidRequest(
            "'tool_choice' must be of type 'auto', 'any', 'none', or 'tool' with a 'name'.", param="tool_choice"
        )
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
