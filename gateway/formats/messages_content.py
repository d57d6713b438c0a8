"""The turns of a Messages API conversation as OpenAI messages, and an OpenAI answer as content blocks."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import msgspec

from contracts.chat import FunctionCall, JsonObject, Message, ToolCall
from contracts.errors import InvalidRequest
from routing.providers.anthropic.blocks import (
    PROVIDER,
    assistant_blocks,
    foreign_extra,
    message_of_blocks,
)
from routing.providers.openai_fields import owned

_arguments = msgspec.json.Decoder(dict[str, Any])
_TEXT_FIELDS = frozenset({"type", "text"})
_IMAGE_FIELDS = frozenset({"type", "source"})
_DOCUMENT_FIELDS = frozenset({"type", "source", "title"})
_RESULT_FIELDS = frozenset({"type", "tool_use_id", "content"})


def system_message(content: str | list[JsonObject], where: str) -> JsonObject:
    """The system prompt as one system message.

    Raises:
        InvalidRequest: a block is not text.
    """
    if isinstance(content, list) and any(block.get("type") != "text" for block in content):
        raise InvalidRequest("A system prompt can hold only text blocks.", param=where)
    return {"role": "system", "content": _content(content, where)}


def chat_messages(role: str, content: str | list[JsonObject], where: str) -> list[JsonObject]:
    """One turn as messages: each tool result is a message of its own, in place.

    Raises:
        InvalidRequest: the role is unknown, or a block is malformed.
    """
    if role == "system":
        return [{**system_message(content, f"{where}.content"), "extra_content": {PROVIDER: {"in_place": True}}}]
    if role == "assistant":
        return [_assistant(content, f"{where}.content")]
    if role != "user":
        raise InvalidRequest("'role' must be 'user', 'assistant' or 'system'.", param=f"{where}.role")
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    return list(_user_messages(content, f"{where}.content"))


def answer_blocks(message: JsonObject) -> list[JsonObject]:
    """The content blocks of an OpenAI assistant message, tool call ids as the provider gave them."""
    raw_calls = message.get("tool_calls") or []
    calls = [_tool_call(raw) for raw in raw_calls]
    extra = message.get("extra_content")
    typed = Message(
        role="assistant",
        content=message.get("content"),
        refusal=message.get("refusal"),
        tool_calls=calls,
        extra_content=extra if isinstance(extra, dict) else None,
    )
    blocks = assistant_blocks(typed, "message")
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and not any(_is_thinking(block) for block in blocks):
        blocks.insert(0, unsigned_thinking(reasoning))
    blocks += [image_block(image) for image in message.get("images") or ()]
    uses = [block for block in blocks if block["type"] == "tool_use"]
    for block, call in zip(uses, calls, strict=True):
        block["id"] = call.id
        _hand_out(block, call.extra_content)
    first = next((block for block in blocks if block["type"] != "tool_use"), None)
    if first is not None:
        _hand_out(first, typed.extra_content)
    return blocks


def unsigned_thinking(text: str) -> JsonObject:
    """Another provider's reasoning: the block has to have a signature, and nobody could give one."""
    return {"type": "thinking", "thinking": text, "signature": ""}


def image_block(image: JsonObject) -> JsonObject:
    """A picture that a model made (``images`` of a chat message), which Anthropic's models do not do."""
    url = str((image.get("image_url") or {}).get("url") or "")
    media_type, marker, data = url.removeprefix("data:").partition(";base64,")
    if not marker:
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def tool_input(arguments: str) -> JsonObject:
    """A call's arguments; ones that a model left unfinished are kept under the key that Anthropic recommends."""
    if not arguments:
        return {}
    try:
        return _arguments.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return {"INVALID_JSON": arguments}


def _tool_call(raw: JsonObject) -> ToolCall:
    function = raw.get("function") or {}
    arguments = msgspec.json.encode(tool_input(function.get("arguments") or "")).decode()
    return ToolCall(
        raw.get("id") or "", FunctionCall(function.get("name") or "", arguments), "function", raw.get("extra_content")
    )


def _is_thinking(block: JsonObject) -> bool:
    return block["type"] in ("thinking", "redacted_thinking")


def _hand_out(block: JsonObject, extra: JsonObject | None) -> None:
    """Give other providers' content to the client, which returns it with the block."""
    foreign = {name: value for name, value in (extra or {}).items() if name != PROVIDER}
    if foreign:
        block["extra_content"] = foreign


def _assistant(content: str | list[JsonObject], where: str) -> JsonObject:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    for number, block in enumerate(content):
        kind = block.get("type")
        if not isinstance(kind, str):
            raise InvalidRequest("Every content block needs a string 'type'.", param=f"{where}[{number}]")
        required = {"text": ("text",), "tool_use": ("id", "name"), "thinking": ("thinking",)}.get(kind, ())
        if any(not isinstance(block.get(field), str) for field in required):
            raise InvalidRequest(
                f"A block of type '{kind}' needs the strings: {', '.join(required)}.", param=f"{where}[{number}]"
            )
    message = message_of_blocks(content)
    if message["content"] is None and "tool_calls" not in message:
        message["content"] = ""
    return message


def _user_messages(blocks: list[JsonObject], where: str) -> Iterable[JsonObject]:
    gathered: list[JsonObject] = []
    for number, block in enumerate(blocks):
        place = f"{where}[{number}]"
        if block.get("type") != "tool_result":
            gathered.append(_part(block, place))
            continue
        if gathered:
            yield {"role": "user", "content": _simplified(gathered)}
            gathered = []
        yield _tool_message(block, place)
    if gathered or not blocks:
        yield {"role": "user", "content": _simplified(gathered)}


def _tool_message(block: JsonObject, where: str) -> JsonObject:
    id, content = block.get("tool_use_id"), block.get("content")
    if not isinstance(id, str):
        raise InvalidRequest("A tool result needs a string 'tool_use_id'.", param=f"{where}.tool_use_id")
    if not isinstance(content, str | list | None):
        raise InvalidRequest("A tool result's content is a string or a list of blocks.", param=f"{where}.content")
    message: JsonObject = {"role": "tool", "tool_call_id": id, "content": _content(content or "", f"{where}.content")}
    return _with_extra(message, block, _RESULT_FIELDS)


def _content(content: str | list[Any], where: str) -> str | list[JsonObject]:
    if isinstance(content, str):
        return content
    return _simplified([_part(block, f"{where}[{number}]") for number, block in enumerate(content)])


def _simplified(parts: list[JsonObject]) -> str | list[JsonObject]:
    """One plain text as a string, which every provider takes."""
    if len(parts) == 1 and parts[0].keys() == _TEXT_FIELDS:
        text: str = parts[0]["text"]
        return text
    return parts


def _part(block: Any, where: str) -> JsonObject:
    """A content part: text, images and documents by value in OpenAI's words, everything else as it came."""
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str):
        raise InvalidRequest("Every content block needs a string 'type'.", param=where)
    if kind == "text":
        if not isinstance(block.get("text"), str):
            raise InvalidRequest("A text block needs a string 'text'.", param=f"{where}.text")
        return _with_extra({"type": "text", "text": block["text"]}, block, _TEXT_FIELDS)
    if kind not in ("image", "document"):
        return dict(block)
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidRequest(f"A block of type '{kind}' needs a 'source'.", param=f"{where}.source")
    if kind == "image":
        url = _image_url(source, f"{where}.source")
        if url is None:
            return dict(block)
        return _with_extra({"type": "image_url", "image_url": {"url": url}}, block, _IMAGE_FIELDS)
    file = _file(block, source)
    return dict(block) if file is None else _with_extra({"type": "file", "file": file}, block, _DOCUMENT_FIELDS)


def _image_url(source: JsonObject, where: str) -> str | None:
    """None for a file at Anthropic, which has no address."""
    kind = source.get("type")
    if kind == "url" and isinstance(source.get("url"), str):
        url: str = source["url"]
        return url
    if kind == "base64":
        media_type, data = source.get("media_type"), source.get("data")
        if not isinstance(media_type, str) or not isinstance(data, str):
            raise InvalidRequest("A base64 source needs the strings 'media_type' and 'data'.", param=where)
        return f"data:{media_type};base64,{data}"
    return None


def _file(block: JsonObject, source: JsonObject) -> JsonObject | None:
    """A document by value as OpenAI's ``file``; None for one by address or by file id."""
    data, media_type = source.get("data"), source.get("media_type")
    if not isinstance(data, str) or not isinstance(media_type, str):
        return None
    if source.get("type") == "text":
        data = base64.b64encode(data.encode()).decode()
    file: JsonObject = {"file_data": f"data:{media_type};base64,{data}"}
    if isinstance(block.get("title"), str):
        file["filename"] = block["title"]
    return file


def _with_extra(part: JsonObject, block: JsonObject, known: frozenset[str]) -> JsonObject:
    """``part`` with the block's further fields (cache control, citations ...) kept for Anthropic."""
    rest = {k: v for k, v in block.items() if k not in known and k != "extra_content" and v is not None}
    extra = foreign_extra(block) | ({PROVIDER: rest} if rest else {})
    if extra:
        part["extra_content"] = extra
    return part


def anthropic_extra(body: JsonObject) -> JsonObject:
    """What an Anthropic target said beyond OpenAI's shape; empty for other providers."""
    return owned(body.get("extra_content"), PROVIDER)
