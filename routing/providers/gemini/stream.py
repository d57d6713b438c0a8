"""Gemini's stream (``alt=sse``: one whole response object an event) as chat completion chunks."""

from __future__ import annotations

import time
from typing import Any

from contracts.chat import ChatChunk, JsonObject, Usage
from contracts.errors import ProviderBadResponse
from routing.providers.gemini.content import PROVIDER
from routing.providers.gemini.errors import in_stream
from routing.providers.gemini.response import (
    NAME,
    candidates_of,
    finish_reason_of,
    further_of,
    image_of,
    logprobs_of,
    parts_of_candidate,
    response_decoder,
    tool_call_of,
    usage_of,
)
from routing.providers.openai_shape import ChunkMaker, decoded
from routing.providers.sse import SseEvent, SseParser


class _Candidate:
    """What is known of one candidate so far."""

    __slots__ = ("calls", "detail", "finish_reason", "further")

    def __init__(self) -> None:
        self.calls = 0
        self.finish_reason = ""
        self.detail: object = None
        self.further: JsonObject = {}


class GeminiStream:
    """One streamed response. There is no end marker: it is complete when every candidate has a finish reason."""

    def __init__(self, model: str) -> None:
        self._sse = SseParser()
        self._make = ChunkMaker(created=int(time.time()), model=model)
        self._candidates: dict[int, _Candidate] = {}
        self._usage: Usage | None = None

    def feed(self, data: bytes) -> list[ChatChunk]:
        """Chunks completed by ``data``.

        Raises:
            ProviderError: Gemini sent an error, blocked the prompt, or sent garbage.
        """
        return self._chunks(self._sse.feed(data))

    def close(self) -> list[ChatChunk]:
        """Finish reasons and usage, which may come more than once and count when they came last.

        Raises:
            ProviderBadResponse: a candidate has no finish reason.
        """
        chunks = self._chunks(self._sse.close())
        if not self._candidates or not all(candidate.finish_reason for candidate in self._candidates.values()):
            raise ProviderBadResponse(f"{NAME}'s stream ended before the answer was complete.")
        for index, candidate in self._candidates.items():
            reason = finish_reason_of(candidate.finish_reason, has_calls=candidate.calls > 0, detail=candidate.detail)
            extra: dict[str, Any] = {"extra_content": {PROVIDER: candidate.further}} if candidate.further else {}
            chunks.append(self._make.chunk({}, index=index, finish_reason=reason, usage=self._usage, **extra))
        if self._usage is not None:
            chunks.append(self._make.usage_chunk(self._usage))
        return chunks

    def _chunks(self, events: list[SseEvent]) -> list[ChatChunk]:
        chunks: list[ChatChunk] = []
        for event in events:
            raw = decoded(response_decoder, event.data, NAME)
            if "error" in raw:
                raise in_stream(raw)
            try:
                chunks += self._read(raw)
            except (KeyError, TypeError, AttributeError) as error:
                raise ProviderBadResponse(f"{NAME} sent a malformed piece of a stream.") from error
        return chunks

    def _read(self, raw: JsonObject) -> list[ChatChunk]:
        self._make.id = raw.get("responseId") or self._make.id
        self._make.model = raw.get("modelVersion") or self._make.model
        self._usage = usage_of(raw) or self._usage
        chunks: list[ChatChunk] = []
        for number, candidate in enumerate(candidates_of(raw)):
            index = candidate.get("index", number)
            state = self._candidates.get(index)
            if state is None:
                state = self._candidates[index] = _Candidate()
                chunks.append(self._make.chunk({"role": "assistant", "content": ""}, index=index))
            logprobs = logprobs_of(candidate.get("logprobsResult"))
            for part in parts_of_candidate(candidate):
                delta = _delta(part, state)
                if delta:
                    more: dict[str, Any] = {"logprobs": logprobs} if logprobs is not None else {}
                    chunks.append(self._make.chunk(delta, index=index, usage=self._usage, **more))
                    logprobs = None
            state.finish_reason = candidate.get("finishReason") or state.finish_reason
            state.detail = candidate.get("finishMessage") or state.detail
            state.further |= further_of(candidate)
        return chunks


def _delta(part: JsonObject, state: _Candidate) -> JsonObject:
    if "functionCall" in part:
        call = {"index": state.calls, **tool_call_of(part)}
        state.calls += 1
        return {"tool_calls": [call]}
    if "inlineData" in part:
        return {"images": [image_of(part)]}
    if "text" not in part:
        return {"extra_content": {PROVIDER: {"parts": [part]}}}
    text = part["text"]
    delta: JsonObject = {}
    if text:
        delta["reasoning_content" if part.get("thought") else "content"] = text
    if "thoughtSignature" in part:
        delta["extra_content"] = {PROVIDER: {"thought_signature": part["thoughtSignature"]}}
    return delta
