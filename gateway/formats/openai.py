"""``POST /v1/chat/completions``: OpenAI's Chat Completions, plus Breakwater's fields."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, JsonObject
from contracts.errors import GatewayError
from gateway.formats.base import NO_HEADERS, AnswerFacts, StreamRenderer
from gateway.formats.chat_request import chat_request

_encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"


def sse(body: JsonObject) -> bytes:
    """One unnamed server-sent event."""
    return b"data: " + _encode(body) + b"\n\n"


class OpenAIChatFormat:
    """Chat Completions in and out."""

    def parse(self, body: JsonObject, headers: Mapping[str, str] = NO_HEADERS) -> ChatRequest:
        """The internal shape is OpenAI's: validation only."""
        return chat_request(body)

    def render(self, result: ChatResult, facts: AnswerFacts) -> JsonObject:
        """The provider's object, completed where the provider left out what the API promises."""
        body = result.body
        body.setdefault("id", f"chatcmpl-{facts.correlation_id}")
        body["object"] = "chat.completion"
        body.setdefault("created", int(time.time()))
        body.setdefault("model", facts.model)
        body["output_text"] = result.text
        if result.usage is None or "usage" not in body or body["usage"] is None:
            body["usage"] = facts.usage.as_openai()
        body.update(facts.as_fields())
        return body

    def open_stream(self, request: ChatRequest, *, correlation_id: str) -> StreamRenderer:
        """Relays chunks; the last one carries Breakwater's fields."""
        options = request.stream_options
        return OpenAIChatStream(
            correlation_id=correlation_id,
            model=request.model or "",
            include_usage=bool(options and options.include_usage),
        )

    def error_body(self, error: GatewayError, correlation_id: str) -> JsonObject:
        """OpenAI's error object with our fields."""
        return error.as_body(correlation_id)


class OpenAIChatStream:
    """One streamed chat completion.

    The chunk with the finish reason is held until the stream ends, so that the last chunk a client acts on carries
    the cost; a usage chunk is sent only to clients that asked for one, because its empty ``choices`` surprise others.
    """

    def __init__(self, *, correlation_id: str, model: str, include_usage: bool) -> None:
        self._id = f"chatcmpl-{correlation_id}"
        self._created = int(time.time())
        self._model = model
        self._include_usage = include_usage
        self._correlation_id = correlation_id
        self._held: JsonObject | None = None
        self._last: JsonObject = {}

    def feed(self, chunk: ChatChunk) -> bytes:
        """The chunk as an event, unless it is to be held."""
        body = chunk.body
        choices = body.get("choices")
        if not choices:
            # The usage chunk: rebuilt in finish() from the settled usage.
            return b""
        self._complete(body)
        if "usage" in body and not self._include_usage:
            del body["usage"]
        released = b""
        if self._held is not None:
            released, self._held = sse(self._held), None
        if any(choice.get("finish_reason") for choice in choices):
            self._held = body
            return released
        return released + sse(body)

    def finish(self, facts: AnswerFacts) -> bytes:
        """Held chunk with our fields, the usage chunk if asked for, and ``[DONE]``."""
        out = b""
        extra = facts.as_fields()
        if not self._include_usage:
            extra["usage"] = facts.usage.as_openai()
        if self._held is not None:
            out = sse({**self._held, **extra})
        if self._include_usage:
            last = {
                **{name: value for name, value in self._last.items() if name != "usage"},
                "choices": [],
                "usage": facts.usage.as_openai(),
                **facts.as_fields(),
            }
            self._complete(last)
            out += sse(last)
        return out + DONE

    def error(self, error: GatewayError) -> bytes:
        """An error event; OpenAI's clients raise on it. No ``[DONE]``: the answer is not complete."""
        held = sse(self._held) if self._held is not None else b""
        return held + sse(error.as_body(self._correlation_id))

    def _complete(self, body: JsonObject) -> None:
        if "id" not in body:
            body["id"] = self._id
        body["object"] = "chat.completion.chunk"
        if "created" not in body:
            body["created"] = self._created
        if "model" not in body:
            body["model"] = self._model
        self._last = body
