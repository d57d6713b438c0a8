"""A chat request as the body of ``POST /v1/messages``.

System prompts: leading ``system`` and ``developer`` messages become ``system``; later ones are appended to it in
order, as Anthropic's own OpenAI compatibility does, unless they are marked ``in_place`` (they came in through the
Messages API) or the provider's option ``system_in_messages`` is set: then they stay where they are.
"""

from __future__ import annotations

from typing import Any

from contracts.chat import ChatRequest, JsonObject, JsonSchemaFormat, Message, Tool
from contracts.errors import InvalidRequest
from contracts.specs import TargetSpec
from routing.providers.anthropic.blocks import (
    PROVIDER,
    assistant_blocks,
    content_blocks,
    refused_parts,
    tool_result,
)
from routing.providers.openai_fields import named_function, owned, passed_through, raw_items, refused, without_dropped

DEFAULT_MAX_TOKENS = 4096
"""Anthropic requires ``max_tokens``; used when neither the request nor the model says anything."""

DEFAULT_API_VERSION = "2023-06-01"
_WITHOUT_SAMPLING = "2026-10-21"
"""From this version on there is no ``temperature``, ``top_p`` and ``top_k``."""

_NEVER = ("n", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs")
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_SERVICE_TIERS = ("auto", "standard_only")
_TOOL_MODES = {"auto": "auto", "none": "none", "required": "any"}
_HEADER_FIELDS = frozenset({"betas"})
_LITERAL_KEYWORDS = frozenset({"const", "enum", "default", "examples", "required"})
"""Keywords of JSON Schema whose values are data and not schemas."""


def unsupported(request: ChatRequest, target: TargetSpec) -> list[str]:
    """What Anthropic has no equivalent for, apart from what the target may leave out."""
    found = refused(request, _NEVER)
    found += _unsupported_sampling(request, target)
    if request.reasoning_effort is not None and request.reasoning_effort not in _EFFORTS | {"none"}:
        found.append("reasoning_effort")
    form = request.response_format
    if form is not None and form.type != "text" and (form.json_schema is None or form.json_schema.schema is None):
        found.append("response_format")
    tier = request.body.get("service_tier")
    if tier is not None and tier not in _SERVICE_TIERS:
        found.append("service_tier")
    found += _unsupported_tools(request)
    for index, message in enumerate(request.messages):
        where = f"messages[{index}]"
        if message.role == "function":
            found.append(f"{where}.role")
        if message.name is not None and message.role != "tool":
            found.append(f"{where}.name")
        found += refused_parts(message, where)
    return without_dropped(found, target)


def api_version(target: TargetSpec) -> str:
    """The ``anthropic-version`` header."""
    return str(target.provider.options.get("api_version") or DEFAULT_API_VERSION)


def body_of(request: ChatRequest, target: TargetSpec) -> JsonObject:
    """The JSON body.

    Raises:
        InvalidRequest: there is nothing to send, or a message is malformed.
    """
    system, messages = _conversation(request, in_place=bool(target.provider.options.get("system_in_messages")))
    if not messages:
        raise InvalidRequest("At least one user or assistant message with content is needed.", param="messages")
    body: JsonObject = {
        "model": target.model.wire_name,
        "max_tokens": request.max_output_tokens or target.model.max_output_tokens or DEFAULT_MAX_TOKENS,
        "messages": messages,
    }
    if system:
        plain = len(system) == 1 and system[0].keys() == {"type", "text"}
        body["system"] = system[0]["text"] if plain else system
    for field, value in _sampling(request, target.drop_params):
        body[field] = value
    _add_tools(body, request)
    _add_native(body, request, target)
    thinking = body.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if isinstance(budget, int) and request.max_output_tokens is None and budget >= body["max_tokens"]:
        # The thinking budget is part of ``max_tokens``: a default of ours must not be what makes it invalid.
        body["max_tokens"] = budget + DEFAULT_MAX_TOKENS
    return body


def betas_of(request: ChatRequest) -> str:
    """The ``anthropic-beta`` header: from the top-level ``betas``, or from where the Messages ingress keeps it."""
    names = request.body.get("betas") or owned(request.body.get("extra_content"), PROVIDER).get("betas")
    return ",".join(name for name in names if isinstance(name, str)) if isinstance(names, list) else ""


def _unsupported_sampling(request: ChatRequest, target: TargetSpec) -> list[str]:
    if api_version(target) >= _WITHOUT_SAMPLING:
        given = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.body.get("top_k")}
        return [name for name, value in given.items() if value is not None]
    out_of_range = request.temperature is not None and not 0 <= request.temperature <= 1
    return ["temperature"] if out_of_range else []


def _sampling(request: ChatRequest, dropped: frozenset[str]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if request.temperature is not None and "temperature" not in dropped:
        found.append(("temperature", request.temperature))
    if request.top_p is not None and "top_p" not in dropped:
        found.append(("top_p", request.top_p))
    if request.stop_sequences and "stop" not in dropped:
        found.append(("stop_sequences", request.stop_sequences))
    if request.stream:
        found.append(("stream", True))
    return found


def _conversation(request: ChatRequest, *, in_place: bool) -> tuple[list[JsonObject], list[JsonObject]]:
    """System blocks, and turns with neighbours of the same role joined (Anthropic does the same)."""
    system: list[JsonObject] = []
    turns: list[tuple[str, list[JsonObject], bool]] = []
    for index, message in enumerate(request.messages):
        role, blocks, plain = _turn(message, f"messages[{index}]")
        if role == "system" and not (turns and (in_place or owned(message.extra_content, PROVIDER).get("in_place"))):
            system += blocks
        elif not blocks:
            continue
        elif turns and turns[-1][0] == role:
            turns[-1] = (role, turns[-1][1] + blocks, False)
        else:
            turns.append((role, blocks, plain))
    messages: list[JsonObject] = [
        {"role": role, "content": blocks[0]["text"] if plain else blocks} for role, blocks, plain in turns
    ]
    return system, messages


def _turn(message: Message, where: str) -> tuple[str, list[JsonObject], bool]:
    """Anthropic's role, the blocks, and whether they are one text that can be sent as a plain string."""
    if message.role in {"system", "developer"}:
        return "system", content_blocks(message), isinstance(message.content, str)
    if message.role == "assistant":
        blocks = assistant_blocks(message, where)
        return "assistant", blocks, len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
    if message.role == "tool":
        return "user", [tool_result(message, where)], False
    return "user", content_blocks(message), isinstance(message.content, str)


def _unsupported_tools(request: ChatRequest) -> list[str]:
    found = []
    raws = raw_items(request, "tools", len(request.tools or ()))
    for index, (tool, raw) in enumerate(zip(request.tools or (), raws, strict=True)):
        # OpenAI's free-text tools share the type name "custom" with Anthropic's ordinary ones.
        if tool.function is None and (not raw or tool.type == "function" or "custom" in raw):
            found.append(f"tools[{index}]")
    choice = request.tool_choice
    known = choice is None or choice in _TOOL_MODES if not isinstance(choice, dict) else named_function(choice)
    return found if known else [*found, "tool_choice"]


def _add_tools(body: JsonObject, request: ChatRequest) -> None:
    if request.tools:
        raws = raw_items(request, "tools", len(request.tools))
        body["tools"] = [_tool(tool, raw) for tool, raw in zip(request.tools, raws, strict=True)]
    choice: JsonObject | None = None
    if isinstance(request.tool_choice, str):
        choice = {"type": _TOOL_MODES.get(request.tool_choice, request.tool_choice)}
    elif request.tool_choice is not None:
        choice = {"type": "tool", "name": named_function(request.tool_choice)}
    if request.parallel_tool_calls is False and request.tools and choice != {"type": "none"}:
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    if choice is not None:
        body["tool_choice"] = choice


def _tool(tool: Tool, raw: JsonObject) -> JsonObject:
    if tool.function is None:
        return {k: v for k, v in raw.items() if k != "extra_content"}
    function = tool.function
    schema = function.parameters or {"type": "object", "properties": {}}
    wire: JsonObject = {
        "name": function.name,
        "input_schema": schema if "type" in schema else {"type": "object", **schema},
    }
    if function.description is not None:
        wire["description"] = function.description
    if function.strict is not None:
        wire["strict"] = function.strict
    if "cache_control" in raw:
        wire["cache_control"] = raw["cache_control"]
    return wire | owned(raw.get("extra_content"), PROVIDER)


def _add_native(body: JsonObject, request: ChatRequest, target: TargetSpec) -> None:
    """Structured output, effort, user; then the fields that pass through, which win over ours."""
    extra = owned(request.body.get("extra_content"), PROVIDER)
    dropped = target.drop_params
    output: JsonObject = {}
    form = request.response_format
    if form is not None and form.json_schema is not None and "response_format" not in dropped:
        output["format"] = {"type": "json_schema", "schema": _answer_schema(form.json_schema)}
    # With ``thinking`` in the caller's own words, the effort is only its translation for other providers.
    if "reasoning_effort" not in dropped and "thinking" not in extra:
        if request.reasoning_effort in _EFFORTS:
            output["effort"] = request.reasoning_effort
        elif request.reasoning_effort == "none":
            body["thinking"] = {"type": "disabled"}
    if output:
        body["output_config"] = output
    user = request.user or request.body.get("safety_identifier")
    if user and "user" not in dropped:
        body["metadata"] = {"user_id": user}
    for name, value in [*passed_through(request, target), *extra.items()]:
        if name in _HEADER_FIELDS:
            continue
        ours = body.get(name)
        body[name] = ours | value if isinstance(ours, dict) and isinstance(value, dict) else value


def _answer_schema(form: JsonSchemaFormat) -> JsonObject:
    schema: JsonObject = _closed(form.schema or {})
    if form.description and "description" not in schema:
        schema = {"description": form.description, **schema}
    return schema


def _closed(schema: Any) -> Any:
    """``schema`` with ``additionalProperties: false`` where an object leaves it open, which Anthropic refuses.

    Whatever fits the closed schema fits the open one too.
    """
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: value if key in _LITERAL_KEYWORDS else _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
