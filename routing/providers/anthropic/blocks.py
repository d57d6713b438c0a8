"""Messages in OpenAI's shape to Anthropic's content blocks and back.

What OpenAI's shape has no place for travels in ``extra_content.anthropic`` (of a message, a tool call or a content
part) and is read back when the message returns. For an assistant message it holds ``blocks``: the order of the
original content with opaque blocks (signed thinking, server tools) whole, and stand-ins for what the message
itself carries: ``{"type": "text", "chars": n}`` and ``{"type": "tool_use"}``. So edited text stays edited.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from contracts.chat import JsonObject, Message, ToolCall
from contracts.errors import InvalidRequest
from contracts.parts import ImagePart, Part, TextPart, parts_of
from routing.providers.openai_fields import owned
from routing.providers.openai_shape import arguments_text

PROVIDER = "anthropic"

NATIVE_BLOCKS = frozenset(
    {"document", "search_result", "image", "container_upload", "tool_reference", "browser_state", "refusal", "file"}
)
"""Kinds of content part, besides text and ``image_url``, that have a counterpart."""

IMAGE_MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

_FILE_DATA = re.compile(r"data:(application/pdf|text/plain);base64,(.*)", re.DOTALL)
_FOREIGN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_TEXT_KEYS = frozenset({"type", "text"})
_TOOL_USE_KEYS = frozenset({"type", "id", "name", "input"})
_arguments = msgspec.json.Decoder(dict[str, Any])


def refused_parts(message: Message, where: str) -> list[str]:
    """The content parts of ``message`` that have no counterpart at Anthropic, named by their place."""
    if message.content is None or isinstance(message.content, str):
        return []
    return [
        f"{where}.content[{index}] ({_kind(part)})"
        for index, part in enumerate(parts_of(message))
        if not _representable(part)
    ]


def content_blocks(message: Message) -> list[JsonObject]:
    """The message's text, images and files; empty text is left out because Anthropic refuses it.

    Raises:
        InvalidRequest: a file part is not one that has a counterpart.
    """
    content = message.content
    if not content:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    blocks = []
    for part, raw in zip(parts_of(message), content, strict=True):
        if isinstance(part, TextPart) and not part.text:
            continue
        block = _block(part, raw)
        if "cache_control" in raw:
            block["cache_control"] = raw["cache_control"]
        if "extra_content" in raw:
            block |= owned(raw["extra_content"], PROVIDER)
        blocks.append(block)
    return blocks


def assistant_blocks(message: Message, where: str) -> list[JsonObject]:
    """An assistant message as content blocks, opaque ones at the places where they stood.

    Raises:
        InvalidRequest: a tool call's arguments are not a JSON object.
    """
    texts = content_blocks(message)
    if not texts and message.refusal:
        texts = [{"type": "text", "text": message.refusal}]
    uses = [_tool_use(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(message.tool_calls or ())]
    order = owned(message.extra_content, PROVIDER).get("blocks")
    if not isinstance(order, list):
        return texts + uses
    return _woven(order, _split_text(texts, order), uses)


def tool_result(message: Message, where: str) -> JsonObject:
    """A tool message as a ``tool_result`` block.

    Raises:
        InvalidRequest: the message names no tool call.
    """
    if not message.tool_call_id:
        raise InvalidRequest("A tool message needs the 'tool_call_id' it answers.", param=f"{where}.tool_call_id")
    content: str | list[JsonObject] | None = message.content
    if isinstance(content, list):
        content = content_blocks(message)
    block: JsonObject = {
        "type": "tool_result",
        "tool_use_id": _own_id(message.tool_call_id),
        "content": "" if content is None else content,
    }
    return block | owned(message.extra_content, PROVIDER)


def message_of_blocks(blocks: list[JsonObject]) -> JsonObject:
    """An OpenAI assistant message from Anthropic content blocks; the inverse of :func:`assistant_blocks`."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[JsonObject] = []
    order: list[JsonObject] = []
    opaque = False
    foreign: JsonObject = {}
    for block in without_empty_text(blocks):
        kind = block.get("type")
        if kind == "text":
            texts.append(_string(block, "text"))
            order.append(text_stand_in(block))
            opaque |= len(order[-1]) > 2
        elif kind == "tool_use":
            calls.append(tool_call_of(block))
            order.append({"type": "tool_use"})
        else:
            thoughts += [_string(block, "thinking")] if kind == "thinking" else []
            order += [block] if is_opaque(block) else []
            opaque |= is_opaque(block)
        foreign |= foreign_extra(block) if kind != "tool_use" else {}
    message: JsonObject = {"role": "assistant", "content": "".join(texts) if texts else None}
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    if opaque or len(texts) > 1:
        foreign = {**foreign, PROVIDER: {"blocks": order}}
    if foreign:
        message["extra_content"] = foreign
    return message


def without_empty_text(blocks: list[JsonObject]) -> list[JsonObject]:
    """Anthropic may answer with a text block that is empty, and refuses it when it comes back."""
    return [block for block in blocks if block.get("type") != "text" or block.get("text")]


def is_opaque(block: JsonObject) -> bool:
    """Whether the block has to be kept whole. Thinking without a signature came from another provider."""
    return block.get("type") != "thinking" or bool(block.get("signature"))


def text_stand_in(block: JsonObject) -> JsonObject:
    """What stands for a text block in ``blocks``: its length, and its citations and the like."""
    rest = {k: v for k, v in block.items() if k not in _TEXT_KEYS and k != "extra_content" and v is not None}
    return {"type": "text", "chars": len(_string(block, "text")), **rest}


def foreign_extra(block: JsonObject) -> JsonObject:
    """Other providers' ``extra_content``, which the Messages ingress hands out on blocks and gets back on them."""
    extra = block.get("extra_content")
    return {k: v for k, v in extra.items() if k != PROVIDER} if isinstance(extra, dict) else {}


def tool_call_of(block: JsonObject) -> JsonObject:
    """An OpenAI tool call from a ``tool_use`` block."""
    call: JsonObject = {
        "id": _string(block, "id"),
        "type": "function",
        "function": {"name": _string(block, "name"), "arguments": arguments_text(block.get("input") or {})},
    }
    extra = tool_use_extra(block)
    if extra:
        call["extra_content"] = extra
    return call


def tool_use_extra(block: JsonObject) -> JsonObject:
    """``extra_content`` of a tool call: what a ``tool_use`` block has beyond id, name and input."""
    extra = foreign_extra(block)
    rest = {k: v for k, v in block.items() if k not in _TOOL_USE_KEYS and k != "extra_content" and v is not None}
    if rest:
        extra[PROVIDER] = rest
    return extra


def _kind(part: Part) -> str:
    if isinstance(part, ImagePart):
        return part.media_type or "image_url"
    return "text" if isinstance(part, TextPart) else part.kind


def _representable(part: Part) -> bool:
    if isinstance(part, TextPart):
        return True
    if isinstance(part, ImagePart):
        return part.media_type is None or _image_media_type(part.media_type) in IMAGE_MEDIA_TYPES
    if part.kind == "file":
        return _file_match(part.raw) is not None
    return part.kind in NATIVE_BLOCKS


def _image_media_type(media_type: str) -> str:
    return "image/jpeg" if media_type == "image/jpg" else media_type.lower()


def _block(part: Part, raw: JsonObject) -> JsonObject:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ImagePart):
        if part.data is None:
            return {"type": "image", "source": {"type": "url", "url": part.url}}
        media_type = _image_media_type(part.media_type or "")
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": part.data}}
    if part.kind == "file":
        return _document(raw)
    if part.kind == "refusal":
        return {"type": "text", "text": _string(raw, "refusal")}
    return {k: v for k, v in raw.items() if k != "extra_content"}


def _file_match(raw: JsonObject) -> re.Match[str] | None:
    file = raw.get("file")
    data = file.get("file_data") if isinstance(file, dict) else None
    return _FILE_DATA.fullmatch(data) if isinstance(data, str) else None


def _document(raw: JsonObject) -> JsonObject:
    match = _file_match(raw)
    if match is None:
        raise InvalidRequest("Only files by value (PDF or plain text) can be sent to Anthropic.", param="messages")
    media_type, data = match.groups()
    if media_type == "application/pdf":
        source = {"type": "base64", "media_type": media_type, "data": data}
    else:
        source = {"type": "text", "media_type": media_type, "data": _plain_text(data)}
    block: JsonObject = {"type": "document", "source": source}
    if raw["file"].get("filename"):
        block["title"] = raw["file"]["filename"]
    return block


def _plain_text(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("A file's data is not valid base64 of UTF-8 text.", param="messages") from error


def _own_id(id: str) -> str:
    """Anthropic takes only letters, digits, ``_`` and ``-`` in a tool call's id."""
    return _FOREIGN_ID.sub("_", id)


def _tool_use(call: ToolCall, where: str) -> JsonObject:
    try:
        arguments = _arguments.decode(call.function.arguments) if call.function.arguments else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(
            "A tool call's 'arguments' must be the text of a JSON object.", param=f"{where}.function.arguments"
        ) from error
    block = {"type": "tool_use", "id": _own_id(call.id), "name": call.function.name, "input": arguments}
    return block | owned(call.extra_content, PROVIDER)


def _split_text(texts: list[JsonObject], order: list[Any]) -> list[JsonObject]:
    """One text block cut at the lengths in ``order``, if they still add up to it."""
    given = [entry.get("chars") for entry in order if isinstance(entry, dict) and entry.get("type") == "text"]
    lengths = [chars for chars in given if isinstance(chars, int) and chars > 0]
    if len(texts) != 1 or len(lengths) < 2 or len(lengths) != len(given):
        return texts
    text = texts[0].get("text")
    if not isinstance(text, str) or sum(lengths) != len(text):
        return texts
    pieces, start = [], 0
    for length in lengths:
        pieces.append({"type": "text", "text": text[start : start + length]})
        start += length
    return pieces


def _woven(order: list[Any], texts: list[JsonObject], uses: list[JsonObject]) -> list[JsonObject]:
    """Opaque blocks where they stood, text and tool calls in between; what has no stand-in goes last."""
    blocks: list[JsonObject] = []
    for entry in order:
        if not isinstance(entry, dict):
            continue
        kind = entry.get("type")
        if kind == "text":
            if texts:
                rest = {k: v for k, v in entry.items() if k not in {"type", "chars", "index"}}
                blocks.append(texts.pop(0) | rest)
        elif kind == "tool_use":
            if uses:
                blocks.append(uses.pop(0))
        else:
            blocks.append({k: v for k, v in entry.items() if k != "index"})
    return blocks + texts + uses


def _string(raw: JsonObject, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""
