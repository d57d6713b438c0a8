from __future__ import annotations

from typing import Any

import msgspec

from contracts.chat import ChatChunk, ChatResult, Usage
from contracts.errors import ProviderTimeout
from gateway.formats.base import AnswerFacts
from gateway.formats.chat_request import chat_request
from gateway.formats.openai import OpenAIChatFormat

USAGE = Usage(input_tokens=9, output_tokens=4, cached_input_tokens=2)
FACTS = AnswerFacts(
    correlation_id="req_1",
    trace_id="t",
    route="default",
    provider="openai",
    model="gpt-x",
    usage=USAGE,
    cost_nanousd=1_500_000,
)


def events(data: bytes) -> list[Any]:
    found = [block.removeprefix(b"data: ") for block in data.split(b"\n\n") if block]
    return [b"DONE" if block == b"[DONE]" else msgspec.json.decode(block) for block in found]


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **fields: Any) -> ChatChunk:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return ChatChunk({"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **fields})


def stream_of(*chunks: ChatChunk, **request: Any) -> list[Any]:
    wire = {"messages": [{"role": "user", "content": "x"}], "stream": True, **request}
    renderer = OpenAIChatFormat().open_stream(chat_request(wire), correlation_id="req_1")
    data = b"".join(renderer.feed(piece) for piece in chunks)
    return events(data + renderer.finish(FACTS))


WHOLE = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, "stop"),
    ChatChunk({"id": "c1", "choices": [], "usage": {"prompt_tokens": 9}}, USAGE),
)


def test_an_answer_carries_what_breakwater_knows() -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}], "x": 1}
    rendered = OpenAIChatFormat().render(ChatResult(body, None), FACTS)
    assert rendered["object"] == "chat.completion"
    assert rendered["output_text"] == "Hello"
    assert rendered["usage"]["prompt_tokens"] == 9
    assert rendered["cost"] == {"currency": "USD", "nanousd": 1_500_000, "total": 0.0015}
    assert rendered["citations"] == []
    assert (rendered["correlation_id"], rendered["trace_id"]) == ("req_1", "t")
    assert rendered["x"] == 1
    assert rendered["id"] == "chatcmpl-req_1"


def test_an_unknown_price_is_null_and_not_nothing() -> None:
    facts = msgspec.structs.replace(FACTS, cost_nanousd=None)
    rendered = OpenAIChatFormat().render(ChatResult({"choices": []}, None), facts)
    assert rendered["cost"] == {"currency": "USD", "nanousd": None, "total": None}


def test_a_stream_without_usage_asked_for_has_no_empty_choices() -> None:
    *chunks, done = stream_of(*WHOLE)
    assert done == b"DONE"
    assert all(piece["choices"] for piece in chunks)
    assert "".join(piece["choices"][0]["delta"].get("content", "") for piece in chunks) == "Hello"
    last = chunks[-1]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["cost"]["nanousd"] == 1_500_000
    assert last["usage"]["completion_tokens"] == 4


def test_a_stream_with_usage_asked_for_ends_with_the_usage_chunk() -> None:
    *chunks, usage, done = stream_of(*WHOLE, stream_options={"include_usage": True})
    assert done == b"DONE"
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert usage["cost"]["nanousd"] == 1_500_000
    assert usage["object"] == "chat.completion.chunk"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_several_choices_each_get_their_finish_reason() -> None:
    def of(index: int, delta: dict[str, Any], reason: str | None = None) -> ChatChunk:
        return ChatChunk({"choices": [{"index": index, "delta": delta, "finish_reason": reason}]})

    *chunks, _ = stream_of(of(0, {"content": "a"}), of(1, {"content": "b"}), of(0, {}, "stop"), of(1, {}, "length"))
    reasons = {piece["choices"][0]["index"]: piece["choices"][0]["finish_reason"] for piece in chunks}
    assert reasons == {0: "stop", 1: "length"}
    assert all(piece["object"] == "chat.completion.chunk" and piece["id"] for piece in chunks)


def test_a_stream_that_breaks_off_ends_in_an_error_and_without_done() -> None:
    wire = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    renderer = OpenAIChatFormat().open_stream(chat_request(wire), correlation_id="req_1")
    data = renderer.feed(chunk({"content": "Hel"})) + renderer.error(ProviderTimeout("too slow"))
    first, error = events(data)
    assert first["choices"][0]["delta"]["content"] == "Hel"
    assert error["error"]["code"] == "PROVIDER_TIMEOUT"
    assert error["error"]["correlation_id"] == "req_1"
