"""A chat request in OpenAI's shape as the body of Cohere's ``POST /v2/chat``.

What OpenAI's shape has no place for comes back in ``extra_content.cohere`` of an assistant message: ``tool_plan``,
``thinking`` and ``citations``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatRequest, JsonObject, Message
from contracts.errors import InvalidRequest
from contracts.parts import ImagePart, OtherPart, TextPart, parts_of
from contracts.specs import TargetSpec
from routing.providers.openai_fields import asks_for, owned, passed_through, refused, without_dropped

PROVIDER = "cohere"

_NEVER = ("n", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls", "metadata")
_TOOL_CHOICES = {"required": "REQUIRED", "none": "NONE"}
_MAX_P = 0.99
"""Cohere's ``p`` lies between 0.01 and 0.99."""
_MIN_P = 0.01
_THINKING = {"none": {"type": "disabled"}, "high": {"type": "enabled"}}
"""Cohere's reasoning is on or off; ``high`` is on without a limit."""
_RENAMED = {"top_k": "k"}
_TRANSLATED = frozenset({"service_tier", "metadata"})
_json = msgspec.json.Decoder()


def unsupported(request: ChatRequest, target: TargetSpec) -> list[str]:
    """What Cohere has no equivalent for, apart from what the target may leave out."""
    found = refused(request, _NEVER)
    found += [
        name
        for name in ("frequency_penalty", "presence_penalty")
        if asks_for(request, name) and not 0 <= (getattr(request, name) or 0) <= 1
    ]
    if asks_for(request, "frequency_penalty") and asks_for(request, "presence_penalty"):
        found.append("presence_penalty")  # Cohere takes one of the two
    if request.temperature is not None and not 0 <= request.temperature <= 1:
        found.append("temperature")
    if request.reasoning_effort is not None and request.reasoning_effort not in _THINKING:
        found.append("reasoning_effort")
    if request.body.get("service_tier") not in {None, "auto", "default"}:
        found.append("service_tier")
    form = request.response_format
    if form is not None and form.type != "text" and (request.tools or request.body.get("documents")):
        found.append("response_format")  # refused by Cohere beside tools and documents
    found += _unsupported_tools(request)
    for index, message in enumerate(request.messages):
        found += _unsupported_in(message, f"messages[{index}]")
    return without_dropped(found, target)


def body_of(request: ChatRequest, target: TargetSpec) -> JsonObject:
    """The JSON body.

    Raises:
        InvalidRequest: a message is malformed, or ``tool_choice`` names a tool that is not offered.
    """
    body: JsonObject = {
        "model": target.model.wire_name,
        "messages": [_message(message, f"messages[{n}]") for n, message in enumerate(request.messages)],
        "stream": bool(request.stream),
    }
    _add_sampling(body, request, target)
    _add_tools(body, request)
    form = request.response_format
    if form is not None and form.type != "text" and "response_format" not in target.drop_params:
        body["response_format"] = {"type": "json_object"}
        if form.json_schema is not None and form.json_schema.schema is not None:
            body["response_format"]["json_schema"] = form.json_schema.schema
    for name, value in passed_through(request, target):
        if name not in _TRANSLATED:
            body[_RENAMED.get(name, name)] = value
    body.update(owned(request.body.get("extra_content"), PROVIDER))
    return body


def _unsupported_tools(request: ChatRequest) -> list[str]:
    found = [f"tools[{n}]" for n, tool in enumerate(request.tools or ()) if tool.function is None]
    choice = request.tool_choice
    if isinstance(choice, str):
        known = choice == "auto" or choice in _TOOL_CHOICES
    else:
        known = choice is None or _chosen(choice) is not None
    return found if known else [*found, "tool_choice"]


def _unsupported_in(message: Message, where: str) -> list[str]:
    found = []
    if message.role == "function":
        found.append(f"{where}.role")
    if message.name is not None and message.role != "tool":
        found.append(f"{where}.name")
    if isinstance(message.content, list):
        for index, part in enumerate(parts_of(message)):
            if not _representable(part, message.role):
                kind = part.kind if isinstance(part, OtherPart) else "image_url"
                found.append(f"{where}.content[{index}] ({kind})")
    return found


def _representable(part: TextPart | ImagePart | OtherPart, role: str) -> bool:
    if isinstance(part, TextPart):
        return True
    if isinstance(part, ImagePart):
        return role == "user"
    if part.kind == "document":
        return role == "tool"
    return part.kind == "refusal" and role == "assistant"


def _add_sampling(body: JsonObject, request: ChatRequest, target: TargetSpec) -> None:
    if request.max_output_tokens is not None:
        body["max_tokens"] = request.max_output_tokens
    if request.stop_sequences:
        body["stop_sequences"] = request.stop_sequences
    for name in ("temperature", "seed", "frequency_penalty", "presence_penalty"):
        value = getattr(request, name)
        if value is not None and name not in target.drop_params:
            body[name] = value
    if request.top_p is not None and request.top_p < 1:
        body["p"] = min(max(request.top_p, _MIN_P), _MAX_P)
    if request.reasoning_effort in _THINKING:
        body["thinking"] = _THINKING[request.reasoning_effort]


def _add_tools(body: JsonObject, request: ChatRequest) -> None:
    functions = [tool.function for tool in request.tools or () if tool.function is not None]
    choice = request.tool_choice
    if isinstance(choice, dict):
        # Cohere can only be told to call some tool: offering no other one says which.
        functions = [function for function in functions if function.name == _chosen(choice)]
        if not functions:
            raise InvalidRequest("'tool_choice' names a tool that is not in 'tools'.", param="tool_choice")
        body["tool_choice"] = "REQUIRED"
    elif choice in _TOOL_CHOICES and functions:
        body["tool_choice"] = _TOOL_CHOICES[choice]
    if not functions:
        return
    body["tools"] = [
        {
            "type": "function",
            "function": {
                "name": function.name,
                **({} if function.description is None else {"description": function.description}),
                "parameters": function.parameters or {"type": "object", "properties": {}},
            },
        }
        for function in functions
    ]
    if any(function.strict for function in functions):
        body["strict_tools"] = True


def _chosen(choice: JsonObject) -> str | None:
    function = choice.get("function")
    name = function.get("name") if choice.get("type") == "function" and isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _message(message: Message, where: str) -> JsonObject:
    if message.role == "assistant":
        return _assistant(message)
    if message.role == "tool":
        if not message.tool_call_id:
            raise InvalidRequest("A tool message needs the 'tool_call_id' it answers.", param=f"{where}.tool_call_id")
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": _tool_content(message)}
    role = "user" if message.role == "user" else "system"
    return {"role": role, "content": _content(message)}


def _content(message: Message) -> str | list[JsonObject]:
    if not isinstance(message.content, list):
        return message.content or ""
    parts: list[JsonObject] = []
    for part in parts_of(message):
        if isinstance(part, TextPart):
            parts.append({"type": "text", "text": part.text})
        elif isinstance(part, ImagePart):
            image = {"url": part.url} if part.detail is None else {"url": part.url, "detail": part.detail}
            parts.append({"type": "image_url", "image_url": image})
        elif part.kind == "refusal":
            parts.append({"type": "text", "text": str(part.raw.get("refusal", ""))})
    return parts


def _assistant(message: Message) -> JsonObject:
    wire: JsonObject = {"role": "assistant"}
    mine = owned(message.extra_content, PROVIDER)
    content: str | list[JsonObject] = _content(message) or message.refusal or ""
    if mine.get("thinking"):
        texts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
        content = [{"type": "thinking", "thinking": mine["thinking"]}, *texts]
    if content:
        wire["content"] = content
    if message.tool_calls:
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments or "{}"},
            }
            for call in message.tool_calls
        ]
    elif not content:
        wire["content"] = ""
    for name in ("tool_plan", "citations"):
        if mine.get(name):
            wire[name] = mine[name]
    return wire


def _tool_content(message: Message) -> str | list[JsonObject]:
    """A result that is a JSON object, or a list of them, becomes documents, which Cohere can cite."""
    content = message.content
    if isinstance(content, list):
        return [_tool_part(part) for part in parts_of(message)]
    decoded = _decoded(content or "")
    found = decoded if isinstance(decoded, list) else [decoded]
    if found and all(isinstance(one, dict) for one in found):
        return [{"type": "document", "document": {"data": one}} for one in found]
    return content or ""


def _tool_part(part: TextPart | ImagePart | OtherPart) -> JsonObject:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, OtherPart) and part.kind == "document":
        return {name: value for name, value in part.raw.items() if name in {"type", "document"}}
    raise InvalidRequest("A tool's result can only hold text and documents at Cohere.", param="messages")


def _decoded(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return _json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
