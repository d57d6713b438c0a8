"""A stream as it is kept (put together to a whole answer), and a kept answer as a stream (cut to chunks again)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec

from contracts.chat import ChatChunk, JsonObject, Usage
from gateway.engine.cache.entry import KeptAnswer

PIECE = 48
"""Characters of a replayed chunk: what a client shows does not come as one block, and few bytes go for framing."""

_HEAD: Final = ("created", "model", "system_fingerprint", "service_tier")
_TEXTS: Final = ("content", "reasoning_content", "refusal")


class _Choice(msgspec.Struct):
    """One answer of a stream so far."""

    texts: dict[str, list[str]] = msgspec.field(default_factory=dict)
    tool_calls: dict[int, JsonObject] = msgspec.field(default_factory=dict)
    logprobs: JsonObject | None = None
    finish_reason: str | None = None


class Recording:
    """Takes in a stream's chunks; gives the answer that they make, or none where they hold what it does not know."""

    def __init__(self) -> None:
        self._head: JsonObject = {}
        self._choices: dict[int, _Choice] = {}
        self._complete = True

    def note(self, chunk: ChatChunk) -> None:
        """One chunk, before it is rendered."""
        body = chunk.body
        for name in _HEAD:
            if body.get(name) is not None:
                self._head.setdefault(name, body[name])
        for choice in body.get("choices") or ():
            self._take(choice)

    def body(self) -> JsonObject | None:
        """The ``chat.completion`` object."""
        return self.known() if self._complete and self._choices else None

    def known(self) -> JsonObject:
        """What of it is known, where a chunk held what is not."""
        return {**self._head, "choices": [_whole(index, self._choices[index]) for index in sorted(self._choices)]}

    def _take(self, choice: JsonObject) -> None:
        kept = self._choices.setdefault(choice.get("index", 0), _Choice())
        kept.finish_reason = choice.get("finish_reason") or kept.finish_reason
        for name, value in (choice.get("delta") or {}).items():
            if not value or name == "role":
                continue
            if name in _TEXTS and isinstance(value, str):
                kept.texts.setdefault(name, []).append(value)
            elif name == "tool_calls":
                for call in value:
                    self._take_tool_call(kept, call)
            else:
                self._complete = False
        if choice.get("logprobs"):
            _extend_logprobs(kept, choice["logprobs"])

    def _take_tool_call(self, kept: _Choice, call: JsonObject) -> None:
        if call.keys() - {"index", "id", "type", "function", "extra_content"}:
            self._complete = False
        found = kept.tool_calls.setdefault(call.get("index", 0), {"type": "function", "function": {"arguments": ""}})
        for name in ("id", "type", "extra_content"):
            if call.get(name):
                found[name] = call[name]
        function = call.get("function") or {}
        if function.get("name"):
            found["function"]["name"] = function["name"]
        found["function"]["arguments"] += function.get("arguments") or ""


def _extend_logprobs(kept: _Choice, logprobs: JsonObject) -> None:
    kept.logprobs = kept.logprobs or {}
    for name, tokens in logprobs.items():
        if tokens:
            kept.logprobs.setdefault(name, []).extend(tokens)


def _whole(index: int, kept: _Choice) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": None}
    message |= {name: "".join(pieces) for name, pieces in kept.texts.items()}
    if kept.tool_calls:
        message["tool_calls"] = [kept.tool_calls[number] for number in sorted(kept.tool_calls)]
    choice: JsonObject = {"index": index, "message": message, "finish_reason": kept.finish_reason}
    if kept.logprobs is not None:
        choice["logprobs"] = kept.logprobs
    return choice


def chunks_of(body: JsonObject) -> Iterator[ChatChunk]:
    """The ``chat.completion`` object as a provider would have streamed it."""
    head = {name: body[name] for name in _HEAD if body.get(name) is not None}
    for choice in body.get("choices") or ():
        index = choice.get("index", 0)
        logprobs = choice.get("logprobs")
        for delta in _deltas(choice.get("message") or {}):
            one: JsonObject = {"index": index, "delta": delta, "finish_reason": None}
            if logprobs is not None and delta.get("content"):
                one["logprobs"], logprobs = logprobs, None
            yield ChatChunk({**head, "choices": [one]})
        end = {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason")}
        yield ChatChunk({**head, "choices": [end]})


def _deltas(message: JsonObject) -> Iterator[JsonObject]:
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content", "refusal"):
        text = message.get(name)
        if isinstance(text, str):
            for start in range(0, len(text), PIECE):
                yield {name: text[start : start + PIECE]}
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{"index": index, **call}]}
    further: dict[str, Any] = {
        name: value
        for name, value in message.items()
        if value and name not in ("role", "content", "reasoning_content", "refusal", "tool_calls")
    }
    if further:
        yield further


class Replay:
    """A kept answer where the pipeline expects a provider's stream."""

    def __init__(self, answer: KeptAnswer) -> None:
        self.usage: Usage | None = answer.usage
        self._chunks = chunks_of(answer.body)

    async def __aiter__(self) -> AsyncIterator[ChatChunk]:
        for chunk in self._chunks:
            yield chunk

    async def aclose(self, reason: str = "") -> None:
        """Nothing is to be called off."""
