"""Whole answers, streams and usage of OpenAI-compatible servers.

Answers stay as they came; what the gateway relies on is checked, so that garbage is the provider's error and
never ours.
"""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatChunk, ChatResult, EmbeddingResult, JsonObject, Usage
from contracts.errors import ProviderBadResponse
from routing.providers.openai_errors import error_inside
from routing.providers.openai_shape import decoded
from routing.providers.sse import SseEvent, SseParser

_any = msgspec.json.Decoder()


def chat_result(data: bytes, label: str) -> ChatResult:
    """A ``chat.completion``.

    Raises:
        ProviderError: the body is not one, or reports an error under a 2xx status.
    """
    body = _object(data, label)
    choices = body.get("choices")
    if type(choices) is not list or not choices:
        raise ProviderBadResponse(f"{label} sent an answer without choices.")
    for index, choice in enumerate(choices):
        if type(choice) is not dict or type(choice.get("message")) is not dict:
            raise ProviderBadResponse(f"{label} sent an answer whose choices[{index}] has no message.")
    return ChatResult(body, usage_of(body))


def embedding_result(data: bytes, label: str) -> EmbeddingResult:
    """A ``list`` of embeddings.

    Raises:
        ProviderError: the body is not one, or reports an error under a 2xx status.
    """
    body = _object(data, label)
    items = body.get("data")
    if type(items) is not list or not all(type(item) is dict and "embedding" in item for item in items):
        raise ProviderBadResponse(f"{label} sent an answer without embeddings.")
    return EmbeddingResult(body, usage_of(body))


def usage_of(body: JsonObject) -> Usage | None:
    """The reported tokens; None when there are none."""
    raw = body.get("usage")
    if raw is None and "x_groq" in body:
        raw = _details(body, "x_groq").get("usage")
    if type(raw) is not dict or type(raw.get("prompt_tokens")) is not int:
        return None
    prompt = _details(raw, "prompt_tokens_details")
    completion = _details(raw, "completion_tokens_details")
    cached = _count(prompt, "cached_tokens") or _count(raw, "prompt_cache_hit_tokens")
    return Usage(
        input_tokens=_count(raw, "prompt_tokens"),
        output_tokens=_count(raw, "completion_tokens"),
        cached_input_tokens=cached,
        cache_write_tokens=_count(prompt, "cache_write_tokens"),
        reasoning_tokens=_count(completion, "reasoning_tokens"),
        audio_input_tokens=_count(prompt, "audio_tokens"),
        audio_output_tokens=_count(completion, "audio_tokens"),
        image_input_tokens=_count(prompt, "image_tokens"),
        image_output_tokens=_count(completion, "image_tokens"),
    )


class OpenAIStreamParser:
    """One streamed answer."""

    __slots__ = ("_done", "_finished", "_label", "_open", "_sse")

    def __init__(self, label: str) -> None:
        self._label = label
        self._sse = SseParser()
        self._done = False
        self._finished = False
        self._open: set[int] = set()
        """Choices that have begun and not ended."""

    def feed(self, data: bytes) -> list[ChatChunk]:
        """Chunks that ``data`` completes; what follows ``[DONE]`` is ignored."""
        return self._chunks(self._sse.feed(data))

    def close(self) -> list[ChatChunk]:
        """A last chunk without its blank line.

        Raises:
            ProviderBadResponse: neither ``[DONE]`` nor a finish reason came. A server that leaves out ``[DONE]``
                after the finish reason has still given its whole answer.
        """
        chunks = self._chunks(self._sse.close())
        if not self._done and (self._open or not self._finished):
            raise ProviderBadResponse(f"{self._label} ended its stream before the answer was complete.")
        return chunks

    def _chunks(self, events: list[SseEvent]) -> list[ChatChunk]:
        chunks: list[ChatChunk] = []
        for event in events:
            if self._done:
                break
            if event.data == b"[DONE]":
                self._done = True
                break
            body = _object(event.data, self._label)
            if self._check_choices(body):
                chunks.append(ChatChunk(body, usage_of(body)))
        return chunks

    def _check_choices(self, body: JsonObject) -> bool:
        """Whether this is a chunk; other objects (progress notes of some servers) are skipped."""
        choices = body.get("choices")
        if choices is None and "usage" in body:
            choices = body["choices"] = []
        if type(choices) is not list:
            if "object" in body and body["object"] != "chat.completion.chunk":
                return False
            raise ProviderBadResponse(f"{self._label} sent a stream event that is not a chunk.")
        for choice in choices:
            if type(choice) is not dict or type(choice.get("delta") or {}) is not dict:
                raise ProviderBadResponse(f"{self._label} sent a chunk with a malformed choice.")
            index = choice.get("index", 0)
            if type(index) is not int:
                raise ProviderBadResponse(f"{self._label} sent a chunk with a malformed choice.")
            if choice.get("finish_reason"):
                self._finished = True
                self._open.discard(index)
            elif not self._finished:
                self._open.add(index)
        return True


def _object(data: bytes, label: str) -> JsonObject:
    body = decoded(_any, data, label)
    if type(body) is not dict:
        raise ProviderBadResponse(f"{label} sent an answer that is not a JSON object.")
    if body.get("error") is not None:
        raise error_inside(body, label)
    return body


def _details(raw: JsonObject, name: str) -> JsonObject:
    value = raw.get(name)
    return value if type(value) is dict else {}


def _count(raw: JsonObject, name: str) -> int:
    value: Any = raw.get(name)
    return value if type(value) is int and value > 0 else 0
