"""A chat request as the body that an OpenAI-compatible server takes: the caller's own, with few fields changed.

The hot path: nothing is copied but the top level, and messages only where one of them has to change.
"""

from __future__ import annotations

from contracts.chat import GATEWAY_FIELDS, ChatRequest, JsonObject, Message
from contracts.specs import TargetSpec
from routing.providers.openai_dialects import Dialect, max_tokens_field
from routing.providers.openai_fields import asks_for, without_dropped

_NOT_SENT = GATEWAY_FIELDS | {"extra_content"}
_NOT_SENT_EMBEDDINGS = frozenset({"mode", "budget", "tags", "extra_content"})
_FOREIGN_KEYS = ("extra_content", "cache_control")
"""What other providers' requests carry on messages, parts and tools, and strict servers refuse."""


def unsupported(request: ChatRequest, target: TargetSpec, dialect: Dialect) -> list[str]:
    """What this kind of server, or this provider by its option ``unsupported``, cannot honour."""
    refuses = _refused_fields(target, dialect)
    found = [field for field in refuses if asks_for(request, field) and not _harmless(request, field)]
    if dialect.refuses_names:
        found += [f"messages[{n}].name" for n, message in enumerate(request.messages) if message.name is not None]
    return without_dropped(found, target) if found else found


def chat_body(request: ChatRequest, target: TargetSpec, dialect: Dialect) -> JsonObject:
    """The JSON body. Shares everything below the top level with ``request.body``."""
    body = {name: value for name, value in request.body.items() if name not in _NOT_SENT}
    body["model"] = target.model.wire_name
    body["messages"] = _messages(request, target, dialect)
    if request.stream and target.provider.options.get("include_usage", dialect.asks_for_usage):
        options = body.get("stream_options")
        body["stream_options"] = {**options, "include_usage": True} if options else {"include_usage": True}
    elif not request.stream or not dialect.asks_for_usage:
        body.pop("stream_options", None)
    if request.tools:
        body["tools"] = _without_foreign_keys(body["tools"], dialect)
    _set_max_tokens(body, request, target, dialect)
    for name in dialect.leaves_out:
        body.pop(name, None)
    for name, wire_name in dialect.renames:
        if name in body:
            body[wire_name] = body.pop(name)
    if target.drop_params:
        for name in _refused_fields(target, dialect):
            if name in target.drop_params:
                body.pop(name, None)
    return body


def embeddings_body(body: JsonObject, target: TargetSpec) -> JsonObject:
    """The JSON body of an embeddings call."""
    wire = {name: value for name, value in body.items() if name not in _NOT_SENT_EMBEDDINGS}
    wire["model"] = target.model.wire_name
    return wire


def _refused_fields(target: TargetSpec, dialect: Dialect) -> tuple[str, ...]:
    more = target.provider.options.get("unsupported")
    return dialect.refuses + tuple(more) if more else dialect.refuses


def _harmless(request: ChatRequest, field: str) -> bool:
    return field == "tool_choice" and request.tool_choice == "auto"


def _set_max_tokens(body: JsonObject, request: ChatRequest, target: TargetSpec, dialect: Dialect) -> None:
    if request.max_tokens is None and request.max_completion_tokens is None:
        return
    field = max_tokens_field(dialect, target)
    if field == "as_sent":
        return
    body.pop("max_tokens", None)
    body.pop("max_completion_tokens", None)
    body[field] = request.max_output_tokens


def _messages(request: ChatRequest, target: TargetSpec, dialect: Dialect) -> list[JsonObject]:
    """The caller's own list when nothing in it has to change."""
    raws: list[JsonObject] = request.body["messages"]
    drops_names = dialect.refuses_names and "messages.name" in target.drop_params
    changed: list[JsonObject] | None = None
    for index, message in enumerate(request.messages):
        if _is_plain(message, raws[index], dialect, drops_names):
            continue
        if changed is None:
            changed = list(raws)
        changed[index] = _translated(raws[index], dialect, drops_names)
    return raws if changed is None else changed


def _is_plain(message: Message, raw: JsonObject, dialect: Dialect, drops_names: bool) -> bool:
    if "annotations" in raw:
        return False
    if message.role == "developer" and not dialect.developer_role:
        return False
    if drops_names and message.name is not None:
        return False
    if dialect.keeps_extras:
        return True
    return (
        message.extra_content is None
        and message.reasoning_content is None
        and not isinstance(message.content, list)
        and not message.tool_calls
    )


def _translated(raw: JsonObject, dialect: Dialect, drops_names: bool) -> JsonObject:
    message = dict(raw)
    message.pop("annotations", None)  # in answers, but not among what a message may be sent with
    if message["role"] == "developer" and not dialect.developer_role:
        message["role"] = "system"
    if drops_names:
        message.pop("name", None)
    if dialect.keeps_extras:
        return message
    for name in ("extra_content", "reasoning_content", "cache_control"):
        message.pop(name, None)
    for name in ("content", "tool_calls"):
        if isinstance(message.get(name), list):
            message[name] = _without_foreign_keys(message[name], dialect)
    return message


def _without_foreign_keys(items: list[JsonObject], dialect: Dialect) -> list[JsonObject]:
    if dialect.keeps_extras or not any(key in item for item in items for key in _FOREIGN_KEYS):
        return items
    return [{name: value for name, value in item.items() if name not in _FOREIGN_KEYS} for item in items]
