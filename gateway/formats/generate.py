"""``POST /v1/generate`` and ``/v1/generate/stream``: a prompt in, a text out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, JsonObject, Priority, RequestBudget, RetrievalOptions
from contracts.errors import GatewayError, InvalidRequest
from gateway.formats.base import NO_HEADERS, AnswerFacts, StreamRenderer
from gateway.formats.chat_request import chat_request
from gateway.formats.validation import convert, set_if

_encode = msgspec.json.Encoder().encode

_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class GenerateRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``/v1/generate``. ``images`` are URLs, data URIs or bare base64."""

    prompt: str
    user_id: str | None = None
    task_type: str | None = None
    max_tokens: int | None = None
    images: list[str] | None = None
    model: str | None = None
    system: str | None = None
    temperature: float | None = None
    mode: str | None = None
    budget: RequestBudget | None = None
    tags: dict[str, str] | list[str] | None = None
    priority: Priority | None = None
    retrieval: RetrievalOptions | None = None


class GenerateFormat:
    """The short form; ``streamed`` is decided by the path, not by a field."""

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed

    def parse(self, body: JsonObject, headers: Mapping[str, str] = NO_HEADERS) -> ChatRequest:
        """A chat request with one user message."""
        request = convert(body, GenerateRequest)
        content: str | list[JsonObject] = request.prompt
        if request.images:
            content = [{"type": "text", "text": request.prompt}]
            content += [{"type": "image_url", "image_url": {"url": _image_url(image)}} for image in request.images]
        messages: list[JsonObject] = [{"role": "user", "content": content}]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        chat: JsonObject = {"messages": messages, "stream": self._streamed}
        set_if(chat, "model", request.model)
        set_if(chat, "max_tokens", request.max_tokens)
        set_if(chat, "temperature", request.temperature)
        set_if(chat, "user", request.user_id)
        set_if(chat, "mode", request.mode)
        set_if(chat, "budget", body.get("budget"))
        set_if(chat, "priority", request.priority)
        set_if(chat, "retrieval", body.get("retrieval"))
        tags = request.tags
        if request.task_type is not None:
            named = tags if isinstance(tags, dict) else dict.fromkeys(tags or (), "")
            tags = {**named, "task_type": request.task_type}
        set_if(chat, "tags", tags)
        return chat_request(chat)

    def render(self, result: ChatResult, facts: AnswerFacts) -> JsonObject:
        """Text, usage and cost."""
        return _answer(result.text, result.finish_reason, facts)

    def open_stream(self, request: ChatRequest, *, correlation_id: str) -> StreamRenderer:
        """Events ``token``, then ``done`` or ``error``."""
        return GenerateStream(correlation_id)

    def error_body(self, error: GatewayError, correlation_id: str) -> JsonObject:
        """The common error object."""
        return error.as_body(correlation_id)


class GenerateStream:
    """Named events: ``token`` {"text"}, ``done`` (the whole answer), ``error``."""

    def __init__(self, correlation_id: str) -> None:
        self._correlation_id = correlation_id
        self._texts: list[str] = []
        self._finish_reason: str | None = None

    def feed(self, chunk: ChatChunk) -> bytes:
        """The first choice's new text, if any."""
        for choice in chunk.body.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
            text = (choice.get("delta") or {}).get("content")
            if text:
                self._texts.append(text)
                return _event(b"token", {"text": text})
        return b""

    def finish(self, facts: AnswerFacts) -> bytes:
        """The whole answer once more, with usage and cost."""
        return _event(b"done", _answer("".join(self._texts), self._finish_reason, facts))

    def error(self, error: GatewayError) -> bytes:
        """What went wrong."""
        return _event(b"error", error.as_body(self._correlation_id))


def _answer(text: str, finish_reason: str | None, facts: AnswerFacts) -> JsonObject:
    return {
        "output_text": text,
        "finish_reason": finish_reason,
        "model": facts.model,
        "usage": {
            "input_tokens": facts.usage.input_tokens,
            "output_tokens": facts.usage.output_tokens,
            "total_tokens": facts.usage.total_tokens,
        },
        **facts.as_fields(),
    }


def _event(name: bytes, body: JsonObject) -> bytes:
    return b"event: " + name + b"\ndata: " + _encode(body) + b"\n\n"


def _image_url(image: str) -> str:
    if image.startswith(("http://", "https://", "data:")):
        return image
    try:
        head = base64.b64decode(image, validate=True)[:16]
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("An image is a URL, a data URI or base64.", param="images") from error
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return f"data:{media_type};base64,{image}"
    raise InvalidRequest("A base64 image must be PNG, JPEG, GIF or WebP.", param="images")
