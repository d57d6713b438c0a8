"""A cheap estimate of a request's input tokens, meant to err upwards; no tokenizer on the hot path.

Text: one token per three UTF-8 bytes. Byte-pair vocabularies average about four characters of English a token and
three of source code; in Chinese, Japanese and Korean a character (three bytes) is about one token. Digit strings and
random text can need more, which the provider's own count corrects at settlement.

Framing: four tokens a message and three for the reply, as OpenAI's cookbook counts chat requests.
"""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatRequest, EmbeddingRequest, Message, Tool

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 4
TOKENS_PER_REPLY = 3

LOW_DETAIL_IMAGE_TOKENS = 85
"""OpenAI's price of a ``detail: low`` image."""

IMAGE_TOKENS = 1_600
"""Bound for one image otherwise: Anthropic's maximum of about 1,600 (1,568 px a side, w x h / 750); OpenAI's
high-detail maximum of 85 + 8 tiles x 170 = 1,445 is below it."""

OTHER_BYTES_PER_TOKEN = 16
"""For base64 audio and files: 24 kHz 16-bit PCM is 64,000 base64 bytes a second and at most 32 tokens a second at the
providers that publish a figure; compressed audio and PDF text need far more tokens a byte, hence the wide margin."""


def estimate_input_tokens(request: ChatRequest) -> int:
    """An upper estimate of the prompt's tokens: messages, images, tool declarations and schema."""
    tokens = TOKENS_PER_REPLY
    for message in request.messages:
        tokens += _message_tokens(message)
    if request.tools:
        tokens += sum(_tool_tokens(tool) for tool in request.tools)
    schema = request.response_format.json_schema if request.response_format is not None else None
    if schema is not None:
        tokens += _encoded_tokens(schema)
    return tokens


def estimate_embedding_tokens(request: EmbeddingRequest) -> int:
    """An upper estimate for texts; exact for token arrays."""
    given = request.input
    if isinstance(given, str):
        return _text_tokens(given)
    tokens = 0
    for item in given:
        if isinstance(item, str):
            tokens += _text_tokens(item)
        elif isinstance(item, int):
            tokens += 1
        else:
            tokens += len(item)
    return tokens


def estimate_text_tokens(text: str) -> int:
    """An upper estimate for plain text, such as an answer whose provider reported no usage."""
    return _text_tokens(text)


def _text_tokens(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)


def _message_tokens(message: Message) -> int:
    tokens = TOKENS_PER_MESSAGE
    content = message.content
    if isinstance(content, str):
        tokens += _text_tokens(content)
    elif content is not None:
        tokens += sum(_part_tokens(part) for part in content)
    if message.name:
        tokens += _text_tokens(message.name)
    if message.tool_calls:
        for tool_call in message.tool_calls:
            tokens += TOKENS_PER_MESSAGE + _text_tokens(tool_call.function.name)
            tokens += _text_tokens(tool_call.function.arguments)
    return tokens


def _part_tokens(part: dict[str, Any]) -> int:
    kind = part.get("type")
    if kind == "text":
        text = part.get("text")
        return _text_tokens(text) if isinstance(text, str) else 0
    if kind == "image_url":
        image = part.get("image_url")
        low = isinstance(image, dict) and image.get("detail") == "low"
        return LOW_DETAIL_IMAGE_TOKENS if low else IMAGE_TOKENS
    return sum(-(-len(text) // OTHER_BYTES_PER_TOKEN) for text in _strings_of(part))


def _strings_of(part: dict[str, Any]) -> list[str]:
    found = [value for value in part.values() if isinstance(value, str)]
    for value in part.values():
        if isinstance(value, dict):
            found.extend(inner for inner in value.values() if isinstance(inner, str))
    return found


def _tool_tokens(tool: Tool) -> int:
    return TOKENS_PER_MESSAGE + (_encoded_tokens(tool.function) if tool.function is not None else 0)


def _encoded_tokens(value: msgspec.Struct) -> int:
    return -(-len(msgspec.json.encode(value)) // BYTES_PER_TOKEN)
