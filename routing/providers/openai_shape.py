"""Builds the objects of OpenAI's chat API that adapters of other wire formats answer with, and reads their JSON."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from contracts.chat import ChatChunk, JsonObject, Usage
from contracts.errors import ProviderBadResponse

_T = TypeVar("_T")

MAX_QUOTED_CHARS = 500
"""How much of a provider's own error text is passed on."""


def decoded(decoder: msgspec.json.Decoder[_T], data: bytes, provider: str) -> _T:
    """What ``decoder`` makes of bytes from a provider.

    Raises:
        ProviderBadResponse: it is not JSON, or not of the promised shape.
    """
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderBadResponse(f"{provider} sent an answer that cannot be read: {error}.") from error
    except RecursionError as error:
        raise ProviderBadResponse(f"{provider} sent an answer that is nested too deeply.") from error


def arguments_text(arguments: Any) -> str:
    """A tool call's arguments as the JSON text that OpenAI's shape wants."""
    return msgspec.json.encode(arguments).decode()


def completion_body(*, id: str, created: int, model: str, choices: list[JsonObject], usage: Usage | None) -> JsonObject:
    """A ``chat.completion`` object; ``created`` in Unix seconds."""
    body: JsonObject = {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": choices,
    }
    if usage is not None:
        body["usage"] = usage.as_openai()
    return body


def embeddings_body(
    vectors: Sequence[Sequence[float]], model: str, encoding_format: str | None, usage: Usage | None
) -> JsonObject:
    """A ``list`` of embeddings; ``base64`` is of little-endian 32-bit floats, as OpenAI's clients read it."""
    data: list[JsonObject] = []
    for index, vector in enumerate(vectors):
        coded: Any = vector
        if encoding_format == "base64":
            coded = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": coded})
    body: JsonObject = {"object": "list", "data": data, "model": model}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
    return body


class ChunkMaker:
    """Makes the ``chat.completion.chunk`` objects of one stream, which share id, model and time."""

    __slots__ = ("created", "id", "model")

    def __init__(self, *, created: int, model: str) -> None:
        self.id = ""
        self.model = model
        self.created = created

    def chunk(
        self,
        delta: JsonObject,
        *,
        index: int = 0,
        finish_reason: str | None = None,
        usage: Usage | None = None,
        **choice_fields: Any,
    ) -> ChatChunk:
        """A chunk with one choice; ``choice_fields`` go beside ``delta``."""
        choice = {"index": index, "delta": delta, "finish_reason": finish_reason, **choice_fields}
        return ChatChunk(self._body([choice]), usage)

    def usage_chunk(self, usage: Usage) -> ChatChunk:
        """The last chunk, which has usage and no choice, as with ``stream_options.include_usage``."""
        body = self._body([])
        body["usage"] = usage.as_openai()
        return ChatChunk(body, usage)

    def _body(self, choices: list[JsonObject]) -> JsonObject:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def quoted(provider: str, message: object, status: int) -> str:
    """The provider's own words, cut to a length that fits an error; its status when it said nothing."""
    text = message.strip() if isinstance(message, str) else ""
    if not text:
        return f"{provider} answered with status {status}."
    if len(text) > MAX_QUOTED_CHARS:
        text = text[:MAX_QUOTED_CHARS] + "…"
    return f"{provider}: {text}"
