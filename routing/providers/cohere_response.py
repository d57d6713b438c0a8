"""Cohere's whole answers and streams as OpenAI's ``chat.completion`` and chunks.

Thinking and the plan before tool calls are both shown as ``reasoning_content``; what has to come back unchanged is
in ``extra_content.cohere``, on a stream in the last chunk with a choice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatChunk, ChatResult, EmbeddingResult, JsonObject, Usage
from contracts.errors import ProviderBadResponse, ProviderError, ProviderTimeout, ProviderUnavailable
from routing.providers.cohere_request import PROVIDER
from routing.providers.openai_shape import ChunkMaker, completion_body, decoded, embeddings_body, quoted
from routing.providers.sse import SseEvent, SseParser

LABEL = "Cohere"

_FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
    "ERROR_LIMIT": "length",
}
_FAILURES: dict[str, type[ProviderError]] = {"ERROR": ProviderUnavailable, "TIMEOUT": ProviderTimeout}


class _Content(msgspec.Struct):
    """A content block, or the piece of one in a stream."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Message(msgspec.Struct):
    content: list[_Content] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[_ToolCall] | None = None
    citations: list[JsonObject] | None = None


class _Tokens(msgspec.Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Usage(msgspec.Struct):
    billed_units: _Tokens | None = None
    tokens: _Tokens | None = None
    cached_tokens: float | None = None


class _Chat(msgspec.Struct):
    finish_reason: str
    message: _Message
    id: str = ""
    usage: _Usage | None = None


class _DeltaMessage(msgspec.Struct):
    content: _Content | list[_Content] | None = None
    tool_plan: str | None = None
    tool_calls: _ToolCall | list[_ToolCall] | None = None
    citations: JsonObject | list[JsonObject] | None = None


class _Delta(msgspec.Struct):
    message: _DeltaMessage = msgspec.field(default_factory=_DeltaMessage)
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    id: str | None = None
    index: int = 0
    delta: _Delta = msgspec.field(default_factory=_Delta)
    message: str | None = None
    """Of an error that is no event."""


class _Embeddings(msgspec.Struct):
    floats: list[list[float]] = msgspec.field(name="float")


class _Embed(msgspec.Struct):
    embeddings: _Embeddings
    meta: _Usage | None = None


_chat = msgspec.json.Decoder(_Chat)
_event = msgspec.json.Decoder(_Event)
_embed = msgspec.json.Decoder(_Embed)


def chat_result(data: bytes, *, model: str, created: int) -> ChatResult:
    """A whole answer; ``created`` in Unix seconds.

    Raises:
        ProviderBadResponse: the body is not Cohere's.
        ProviderError: Cohere gave up while it answered.
    """
    answer = decoded(_chat, data, LABEL)
    finish_reason = _finish_reason(answer.finish_reason, None)
    usage = _usage(answer.usage)
    choice = {"index": 0, "message": _message(answer.message), "logprobs": None, "finish_reason": finish_reason}
    body = completion_body(id=answer.id, created=created, model=model, choices=[choice], usage=usage)
    return ChatResult(body, usage)


def embedding_result(data: bytes, *, model: str, encoding_format: str | None) -> EmbeddingResult:
    """A whole answer to an embeddings call.

    Raises:
        ProviderBadResponse: the body is not Cohere's.
    """
    answer = decoded(_embed, data, LABEL)
    usage = _usage(answer.meta)
    return EmbeddingResult(embeddings_body(answer.embeddings.floats, model, encoding_format, usage), usage)


class CohereStreamParser:
    """One streamed answer."""

    def __init__(self, *, model: str, created: int) -> None:
        self._sse = SseParser()
        self._maker = ChunkMaker(created=created, model=model)
        self._tool_indexes: dict[int, int] = {}
        self._kept: JsonObject = {}
        self._done = False

    def feed(self, data: bytes) -> list[ChatChunk]:
        """Chunks that ``data`` completes; what follows ``message-end`` is ignored."""
        return self._chunks(self._sse.feed(data))

    def close(self) -> list[ChatChunk]:
        """A last event without its blank line.

        Raises:
            ProviderBadResponse: ``message-end`` did not come.
        """
        chunks = self._chunks(self._sse.close())
        if not self._done:
            raise ProviderBadResponse(f"{LABEL} ended its stream before the answer was complete.")
        return chunks

    def _chunks(self, events: list[SseEvent]) -> list[ChatChunk]:
        chunks: list[ChatChunk] = []
        for raw in events:
            if self._done or raw.data == b"[DONE]":
                break
            event = decoded(_event, raw.data, LABEL)
            if not event.type:
                raise ProviderUnavailable(quoted(LABEL, event.message, 200))
            chunks += self._of(event)
        return chunks

    def _of(self, event: _Event) -> list[ChatChunk]:
        said = event.delta.message
        match event.type:
            case "message-start":
                self._maker.id = event.id or ""
                return [self._maker.chunk({"role": "assistant", "content": ""})]
            case "content-start" | "content-delta":
                return [chunk for piece in _listed(said.content) for chunk in self._content(piece)]
            case "tool-plan-delta":
                self._keep("tool_plan", said.tool_plan or "")
                return [self._maker.chunk({"reasoning_content": said.tool_plan})] if said.tool_plan else []
            case "tool-call-start" | "tool-call-delta":
                return [self._tool_call(event, call) for call in _listed(said.tool_calls)]
            case "citation-start":
                self._kept["citations"] = [*self._kept.get("citations", ()), *_listed(said.citations)]
            case "message-end":
                return self._end(event.delta)
        return []

    def _content(self, piece: _Content) -> list[ChatChunk]:
        if piece.thinking:
            self._keep("thinking", piece.thinking)
            return [self._maker.chunk({"reasoning_content": piece.thinking})]
        return [self._maker.chunk({"content": piece.text})] if piece.text else []

    def _tool_call(self, event: _Event, call: _ToolCall) -> ChatChunk:
        if event.type == "tool-call-start":
            self._tool_indexes[event.index] = index = len(self._tool_indexes)
            function = {"name": call.function.name or "", "arguments": call.function.arguments or ""}
            delta: JsonObject = {"index": index, "id": call.id or "", "type": "function", "function": function}
        else:
            index = self._tool_indexes.get(event.index, 0)
            delta = {"index": index, "function": {"arguments": call.function.arguments or ""}}
        return self._maker.chunk({"tool_calls": [delta]})

    def _keep(self, name: str, text: str) -> None:
        self._kept[name] = self._kept.get(name, "") + text

    def _end(self, delta: _Delta) -> list[ChatChunk]:
        self._done = True
        finish_reason = _finish_reason(delta.finish_reason, delta.error)
        last: JsonObject = {"extra_content": {PROVIDER: self._kept}} if self._kept else {}
        chunks = [self._maker.chunk(last, finish_reason=finish_reason)]
        usage = _usage(delta.usage)
        if usage is not None:
            chunks.append(self._maker.usage_chunk(usage))
        return chunks


def _message(message: _Message) -> JsonObject:
    content = message.content
    blocks = [_Content(text=content)] if isinstance(content, str) else content or []
    texts = [block.text for block in blocks if block.text is not None]
    thinking = "".join(block.thinking for block in blocks if block.thinking is not None)
    answer: JsonObject = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    reasoning = "\n\n".join(text for text in (thinking, message.tool_plan) if text)
    if reasoning:
        answer["reasoning_content"] = reasoning
    if message.tool_calls:
        answer["tool_calls"] = [
            {
                "id": call.id or "",
                "type": "function",
                "function": {"name": call.function.name or "", "arguments": call.function.arguments or "{}"},
            }
            for call in message.tool_calls
        ]
    found = {"tool_plan": message.tool_plan, "thinking": thinking, "citations": message.citations}
    kept = {name: value for name, value in found.items() if value}
    if kept:
        answer["extra_content"] = {PROVIDER: kept}
    return answer


def _finish_reason(reason: str | None, error: str | None) -> str:
    failure = _FAILURES.get(reason or "")
    if failure is not None:
        raise failure(quoted(LABEL, error or "the answer was broken off", 200), upstream_status=200)
    return _FINISH_REASONS.get(reason or "", "stop")


def _usage(usage: _Usage | None) -> Usage | None:
    """What is billed, where Cohere says so: its own prompt template costs nothing but counts in ``tokens``."""
    if usage is None:
        return None
    counted = usage.billed_units or usage.tokens
    if counted is None:
        return None
    input_tokens = int(counted.input_tokens or 0)
    return Usage(
        input_tokens=input_tokens,
        output_tokens=int(counted.output_tokens or 0),
        cached_input_tokens=min(int(usage.cached_tokens or 0), input_tokens),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
