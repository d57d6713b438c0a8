"""Serves ``sandbox://`` requests without a network, in OpenAI's wire format."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from contracts.chat import JsonObject, Usage
from contracts.clock import SystemClock
from contracts.errors import ProviderUnavailable
from contracts.ports import Clock, UpstreamRequest, UpstreamResponse, UpstreamStream
from routing.providers.openai_shape import embeddings_body
from routing.providers.sandbox import SandboxOptions, options_of
from routing.providers.sandbox_answers import (
    DEFAULT_DIMENSIONS,
    Conversation,
    SandboxAnswer,
    SandboxTool,
    answer,
    count_tokens,
    embedding,
    tokens_of,
)

Sleep = Callable[[float], Awaitable[None]]

_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}
_MAX_DIMENSIONS = 4096


class SandboxStream:
    """An answer that is written token by token."""

    def __init__(
        self, pieces: list[bytes], interval_s: float, sleep: Sleep, *, breaks_off: bool = False, hangs: bool = False
    ) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = _EVENTS
        self._pieces = pieces
        self._interval_s = interval_s
        self._sleep = sleep
        self._breaks_off = breaks_off
        self._hangs = hangs
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if self._interval_s:
                await self._sleep(self._interval_s)
            if self._closed:
                return
            yield piece
        if self._hangs:
            await asyncio.Event().wait()
        if self._breaks_off:
            raise ProviderUnavailable("The sandbox broke off its stream, as its options say.")

    async def aclose(self) -> None:
        """No further piece comes."""
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _WholeStream(SandboxStream):
    """An answer that is not an event stream: an error, or garbage."""

    def __init__(self, response: UpstreamResponse, sleep: Sleep) -> None:
        super().__init__([response.body], 0.0, sleep)
        self.status = response.status
        self.headers = response.headers


class SandboxUpstream:
    """Implements :class:`contracts.ports.Upstream` for ``sandbox://`` addresses."""

    def __init__(
        self, *, clock: Clock | None = None, sleep: Sleep = asyncio.sleep, chance: random.Random | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._chance = chance or random.Random(0)
        self._calls: dict[str, int] = defaultdict(int)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The whole answer, after as long as its stream would take."""
        options = options_of(request.headers)
        fails = self._fails(request, options)
        await self._wait_to_begin(options)
        if fails:
            return await self._failure(options)
        body: JsonObject = msgspec.json.decode(request.body)
        if request.url.endswith("/embeddings"):
            return _json_response(_embeddings(body, options))
        completion, tokens = self._completion(body, options)
        if options.token_interval_ms:
            await self._sleep(options.token_interval_ms / 1000 * tokens)
        return _json_response(completion)

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        """The answer as a stream."""
        options = options_of(request.headers)
        fails = self._fails(request, options)
        await self._wait_to_begin(options)
        if fails and options.failure not in {"half_stream", "hang"}:
            return _WholeStream(await self._failure(options), self._sleep)
        pieces = self._stream_pieces(msgspec.json.decode(request.body), options)
        if fails:
            pieces = pieces[: max(1, len(pieces) // 2)] if options.failure == "half_stream" else []
        return SandboxStream(
            pieces,
            options.token_interval_ms / 1000,
            self._sleep,
            breaks_off=fails and options.failure == "half_stream",
            hangs=fails and options.failure == "hang",
        )

    async def aclose(self) -> None:
        """Holds nothing."""

    def _fails(self, request: UpstreamRequest, options: SandboxOptions) -> bool:
        """Whether this call is one of those that ``failure_rate`` asks for; counted per provider."""
        if options.failure_rate <= 0:
            return False
        provider = request.url.rpartition("/")[0]
        self._calls[provider] = number = self._calls[provider] + 1
        return math.floor(number * options.failure_rate) > math.floor((number - 1) * options.failure_rate)

    async def _wait_to_begin(self, options: SandboxOptions) -> None:
        delay = options.latency_ms
        if options.latency_jitter_ms:
            delay += self._chance.uniform(0, options.latency_jitter_ms)
        if delay:
            await self._sleep(delay / 1000)

    async def _failure(self, options: SandboxOptions) -> UpstreamResponse:
        if options.failure == "hang":
            await asyncio.Event().wait()
        if options.failure == "garbage":
            return UpstreamResponse(200, _JSON, b"<html>not what was promised</html>")
        if options.failure in {"reset", "half_stream"}:
            raise ProviderUnavailable("The sandbox dropped the connection, as its options say.")
        headers = dict(_JSON)
        if options.retry_after_s is not None:
            headers["retry-after"] = f"{options.retry_after_s:g}"
        error = {"message": "A failure that the sandbox was told to have.", "type": "sandbox_failure", "code": None}
        return UpstreamResponse(options.failure_status, headers, msgspec.json.encode({"error": error}))

    def _completion(self, body: JsonObject, options: SandboxOptions) -> tuple[JsonObject, int]:
        said = answer(conversation_of(body, options))
        count = body.get("n") or 1
        completion = {**self._head(body, "chat.completion"), "choices": [_choice(said, n) for n in range(count)]}
        if options.report_usage:
            completion["usage"] = _usage(body, said.tokens * count)
        return completion, said.tokens

    def _stream_pieces(self, body: JsonObject, options: SandboxOptions) -> list[bytes]:
        said = answer(conversation_of(body, options))
        head = self._head(body, "chat.completion.chunk")
        count = body.get("n") or 1
        pieces = []
        for delta, finish_reason in _deltas(said):
            for index in range(count):
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
                pieces.append(_event({**head, "choices": [choice]}))
        if options.report_usage and (body.get("stream_options") or {}).get("include_usage"):
            pieces.append(_event({**head, "choices": [], "usage": _usage(body, said.tokens * count)}))
        pieces.append(b"data: [DONE]\n\n")
        return pieces

    def _head(self, body: JsonObject, kind: str) -> JsonObject:
        digest = hashlib.blake2b(msgspec.json.encode(body["messages"]), digest_size=12).hexdigest()
        created = self._clock.now_ms() // 1000
        return {"id": f"chatcmpl-{digest}", "object": kind, "created": created, "model": body["model"]}


def conversation_of(body: JsonObject, options: SandboxOptions | None = None) -> Conversation:
    """What the answer to this OpenAI request depends on."""
    options = options or SandboxOptions()
    question, images, results = _last_turn(body["messages"])
    form = body.get("response_format") or {}
    choice = body.get("tool_choice") or "auto"
    stop = body.get("stop") or ()
    return Conversation(
        question=question,
        images=images,
        tool_results=results,
        tools=tuple(
            SandboxTool(tool["function"]["name"], tool["function"].get("parameters") or {})
            for tool in body.get("tools") or ()
            if tool.get("function")
        ),
        tool_choice=choice if isinstance(choice, str) else (choice.get("function") or {}).get("name", "auto"),
        parallel_tool_calls=body.get("parallel_tool_calls") is not False,
        wants_json=form.get("type") == "json_object",
        schema=(form.get("json_schema") or {}).get("schema"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        output_tokens=options.output_tokens,
        reply=options.reply,
    )


def _last_turn(messages: list[JsonObject]) -> tuple[str, int, tuple[str, ...]]:
    """The last user message's text and number of images, and the tool results that follow it."""
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] == "user":
            text, images = _text_and_images(message.get("content"))
            return text, images, tuple(reversed(results))
        if message["role"] == "tool":
            results.append(_text_and_images(message.get("content"))[0])
    return "", 0, tuple(reversed(results))


def _text_and_images(content: Any) -> tuple[str, int]:
    if not isinstance(content, list):
        return content or "", 0
    texts = [part["text"] for part in content if part.get("type") == "text"]
    return "\n".join(texts), sum(part.get("type") == "image_url" for part in content)


def _choice(said: SandboxAnswer, index: int) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": said.text if not said.calls else None, "refusal": None}
    if said.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.calls
        ]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": said.finish_reason}


def _deltas(said: SandboxAnswer) -> list[tuple[JsonObject, str | None]]:
    deltas: list[tuple[JsonObject, str | None]] = [({"role": "assistant", "content": None if said.calls else ""}, None)]
    deltas += [({"content": token}, None) for token in tokens_of(said.text)]
    for index, call in enumerate(said.calls):
        start = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        deltas.append(({"tool_calls": [start]}, None))
        for token in tokens_of(call.arguments):
            deltas.append(({"tool_calls": [{"index": index, "function": {"arguments": token}}]}, None))
    deltas.append(({}, said.finish_reason))
    return deltas


def _usage(body: JsonObject, output_tokens: int) -> JsonObject:
    input_tokens = 0
    for message in body["messages"]:
        text, images = _text_and_images(message.get("content"))
        input_tokens += count_tokens(text) + 85 * images + 3  # as OpenAI counts a low-detail image and a turn
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


def _embeddings(body: JsonObject, options: SandboxOptions) -> JsonObject:
    given = body["input"]
    if isinstance(given, str) or (given and isinstance(given[0], int)):
        given = [given]
    texts = [one if isinstance(one, str) else " ".join(map(str, one)) for one in given]
    dimensions = max(1, min(int(body.get("dimensions") or DEFAULT_DIMENSIONS), _MAX_DIMENSIONS))
    vectors = [embedding(text, dimensions) for text in texts]
    usage = Usage(input_tokens=sum(count_tokens(text) for text in texts)) if options.report_usage else None
    return embeddings_body(vectors, body["model"], body.get("encoding_format"), usage)


def _event(body: JsonObject) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _json_response(body: JsonObject) -> UpstreamResponse:
    return UpstreamResponse(200, _JSON, msgspec.json.encode(body))
