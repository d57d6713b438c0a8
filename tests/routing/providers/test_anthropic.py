"""The Anthropic adapter against an upstream that allows what the Messages reference allows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta

from contracts.chat import ChatChunk, JsonObject
from contracts.errors import (
    InvalidRequest,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderContentFiltered,
    ProviderContextTooLong,
    ProviderModelNotFound,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from gateway.formats.chat_request import chat_request
from routing.providers.anthropic.blocks import message_of_blocks
from routing.providers.registry import adapter_for
from tests.upstreams.anthropic import AnthropicUpstream, signature_of, sse
from tests.upstreams.direct import ask, ask_streamed, target_of

ADAPTER = adapter_for("anthropic")
TARGET = target_of("anthropic", "claude-sonnet-4-5")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER: JsonObject = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME: JsonObject = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": signature_of("Hm.")}


@pytest.fixture
def upstream() -> AnthropicUpstream:
    return AnthropicUpstream(api_key="sk-test")


def said(content: Any = "Hi there", **fields: Any) -> JsonObject:
    return {"messages": [{"role": "user", "content": content}], **fields}


def sent(body: JsonObject, target: Any = TARGET) -> JsonObject:
    built: JsonObject = msgspec.json.decode(ADAPTER.build_chat(chat_request(body), target).body)
    return built


def merged(chunks: list[ChatChunk]) -> JsonObject:
    """The message that OpenAI's own client makes of the deltas."""
    message: dict[object, object] = {}
    for chunk in chunks:
        for choice in chunk.body["choices"]:
            message = accumulate_delta(message, msgspec.json.decode(msgspec.json.encode(choice["delta"])))
    for call in message.get("tool_calls", []):  # type: ignore[attr-defined]
        del call["index"]
    return message  # type: ignore[return-value]


def finish_reasons(chunks: list[ChatChunk]) -> list[str]:
    return [c["finish_reason"] for chunk in chunks for c in chunk.body["choices"] if c["finish_reason"]]


def test_a_text_is_answered_with_usage(upstream):
    result = ask(ADAPTER, upstream, TARGET, said())

    assert result.text == "You said: Hi there"
    assert result.finish_reason == "stop"
    assert result.usage is not None
    assert result.usage.output_tokens == 4
    assert result.body["usage"]["prompt_tokens"] == result.usage.input_tokens > 0


def test_system_and_developer_messages_become_the_system_prompt(upstream):
    body = said()
    body["messages"] = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be kind."},
        *body["messages"],
    ]

    ask(ADAPTER, upstream, TARGET, body)

    system = upstream.requests[-1].system
    assert [block.text for block in system] == ["Be brief.", "Be kind."]


def test_sampling_stop_and_user_have_their_fields(upstream):
    ask(ADAPTER, upstream, TARGET, said(temperature=0.5, top_p=0.9, stop=["END"], user="u-1", max_tokens=99, top_k=5))

    asked = upstream.requests[-1]
    assert (asked.temperature, asked.top_p, asked.top_k, asked.max_tokens) == (0.5, 0.9, 5, 99)
    assert asked.stop_sequences == ["END"]
    assert asked.metadata.user_id == "u-1"


def test_max_tokens_is_always_sent(upstream):
    ask(ADAPTER, upstream, TARGET, said())

    assert upstream.requests[-1].max_tokens == 4096


def test_the_default_of_max_tokens_leaves_room_for_the_thinking_budget(upstream):
    ask(ADAPTER, upstream, TARGET, said(thinking={"type": "enabled", "budget_tokens": 8000}))

    assert upstream.requests[-1].max_tokens == 12_096


def test_images_by_address_and_by_value_arrive(upstream):
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]

    assert ask(ADAPTER, upstream, TARGET, said(parts)).text == "You said: Look [2 images, 0 documents]"
    source = upstream.requests[-1].messages[0].content[2].source
    assert (source.media_type, source.data) == ("image/png", PIXEL)


def test_a_pdf_file_becomes_a_document(upstream):
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    parts = [{"type": "text", "text": "Read"}, {"type": "file", "file": file}]

    assert ask(ADAPTER, upstream, TARGET, said(parts)).text == "You said: Read [0 images, 1 documents]"
    assert upstream.requests[-1].messages[0].content[1].title == "a.pdf"


def test_several_tools_are_called_at_once(upstream):
    result = ask(ADAPTER, upstream, TARGET, said(tools=[WEATHER, TIME]))

    calls = result.body["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["get_weather", "get_time"]
    assert msgspec.json.decode(calls[0]["function"]["arguments"]) == {"city": "text"}
    assert calls[1]["function"]["arguments"] == "{}"
    assert result.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ("none", None, {"type": "none"}),
        ({"type": "function", "function": {"name": "get_time"}}, None, {"type": "tool", "name": "get_time"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice_is_translated(choice: Any, parallel: Any, wire: JsonObject, upstream):
    fields = {k: v for k, v in {"tool_choice": choice, "parallel_tool_calls": parallel}.items() if v is not None}
    body = said(tools=[WEATHER, TIME], **fields)

    ask(ADAPTER, upstream, TARGET, body)

    assert sent(body)["tool_choice"] == wire


def test_a_conversation_with_tool_results_is_accepted(upstream):
    first = ask(ADAPTER, upstream, TARGET, said(tools=[WEATHER, TIME])).body["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result {n}"}
        for n, call in enumerate(first["tool_calls"])
    ]

    body = said(tools=[WEATHER, TIME])
    body["messages"] += [first, *results, {"role": "user", "content": "And now?"}]

    assert ask(ADAPTER, upstream, TARGET, body).text == "You said: result 0 result 1 And now?"


def test_a_json_schema_is_honoured_and_its_objects_are_closed(upstream):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}

    result = ask(ADAPTER, upstream, TARGET, said(response_format=form))

    assert msgspec.json.decode(result.text) == {"n": 7}


def test_effort_is_sent_as_effort(upstream):
    ask(ADAPTER, upstream, TARGET, said(reasoning_effort="high"))

    assert upstream.requests[-1].output_config.effort == "high"


def test_signed_thinking_goes_back_unchanged(upstream):
    body = said(tools=[WEATHER], thinking={"type": "enabled", "budget_tokens": 1024})
    first = ask(ADAPTER, upstream, TARGET, body).body["choices"][0]["message"]
    assert first["reasoning_content"] == "Let me think about it step by step."

    result = {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "sun"}
    ask(ADAPTER, upstream, TARGET, {**body, "messages": [*body["messages"], first, result]})

    kinds = [block.__struct_config__.tag for block in upstream.requests[-1].messages[1].content]
    assert kinds == ["thinking", "tool_use"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"n": 2}, "n"),
        ({"seed": 1}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"temperature": 1.5}, "temperature"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"reasoning_effort": "minimal"}, "reasoning_effort"),
        ({"audio": {"voice": "x"}}, "audio"),
    ],
)
def test_what_has_no_equivalent_is_named(fields: JsonObject, name: str):
    assert ADAPTER.unsupported_params(chat_request(said(**fields)), TARGET) == [name]


def test_audio_input_is_named_by_its_place():
    parts = [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]

    assert ADAPTER.unsupported_params(chat_request(said(parts)), TARGET) == ["messages[0].content[0] (input_audio)"]


def test_a_target_may_leave_fields_out():
    target = msgspec.structs.replace(TARGET, drop_params=frozenset({"seed", "logprobs"}))

    request = chat_request(said(seed=1, logprobs=True))

    assert ADAPTER.unsupported_params(request, target) == []
    assert "seed" not in msgspec.json.decode(ADAPTER.build_chat(request, target).body)


def test_the_newest_version_has_no_temperature():
    target = target_of("anthropic", "claude-sonnet-4-5", options={"api_version": "2026-10-21"})

    assert ADAPTER.unsupported_params(chat_request(said(temperature=0.5)), target) == ["temperature"]


def test_arguments_that_are_not_json_are_the_callers_mistake():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{oops"}}
    body = said()
    body["messages"].append({"role": "assistant", "content": None, "tool_calls": [call]})

    with pytest.raises(InvalidRequest) as caught:
        ADAPTER.build_chat(chat_request(body), TARGET)
    assert caught.value.param == "messages[1].tool_calls[0].function.arguments"


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons_are_mapped(stop_reason: str, finish_reason: str):
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }

    result = ADAPTER.parse_chat(msgspec.json.encode(message), chat_request(said()), TARGET)

    assert result.finish_reason == finish_reason


def test_cached_tokens_are_part_of_the_input():
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    message = {"id": "msg_1", "type": "message", "model": "m", "content": [], "stop_reason": "end_turn", "usage": usage}

    found = ADAPTER.parse_chat(msgspec.json.encode(message), chat_request(said()), TARGET).usage

    assert found is not None
    assert (found.input_tokens, found.cached_input_tokens, found.cache_write_tokens) == (130, 100, 20)
    assert (found.output_tokens, found.reasoning_tokens) == (5, 2)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"type":"message","content":"x","usage":{}}'])
def test_garbage_is_a_bad_response(body: bytes):
    with pytest.raises(ProviderBadResponse):
        ADAPTER.parse_chat(body, chat_request(said()), TARGET)


ANSWERS: list[list[JsonObject]] = [
    [{"type": "text", "text": "Grüße aus Köln 🌧"}],
    [THINKING, {"type": "text", "text": "So."}],
    [THINKING, {"type": "redacted_thinking", "data": "xyz"}, {"type": "text", "text": "So."}],
    [
        {"type": "text", "text": "First."},
        {"type": "tool_use", "id": "toolu_1", "name": "get_time", "input": {}},
        {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {"city": "Köln", "n": [1, 2]}},
    ],
    [
        {"type": "text", "text": "A "},
        {"type": "text", "text": "cited", "citations": [{"type": "char_location", "cited_text": "c"}]},
        {"type": "text", "text": " end."},
    ],
    [
        {"type": "text", "text": "Searching."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "text", "text": "Found."},
    ],
]


@pytest.mark.parametrize("blocks", ANSWERS)
@given(cut=st.integers(1, 400))
def test_a_stream_adds_up_to_the_whole_answer_however_it_is_cut(blocks: list[JsonObject], cut: int):
    upstream = AnthropicUpstream()
    upstream.answers.extend([msgspec.json.decode(msgspec.json.encode(blocks)) for _ in range(2)])
    body = said(tools=[WEATHER, TIME], tool_choice="none")
    whole = ask(ADAPTER, upstream, TARGET, body)

    chunks = ask_streamed(ADAPTER, upstream, TARGET, body, cut=cut)

    streamed, message = merged(chunks), whole.body["choices"][0]["message"]
    for entry in streamed.get("extra_content", {}).get("anthropic", {}).get("blocks", []):
        del entry["index"]
    assert streamed.get("content") == (message["content"] or "")
    assert streamed.get("tool_calls") == message.get("tool_calls")
    assert streamed.get("reasoning_content") == message.get("reasoning_content")
    assert streamed.get("extra_content") == message.get("extra_content")
    assert finish_reasons(chunks) == [whole.finish_reason]
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("blocks", ANSWERS)
def test_content_blocks_survive_the_round_trip(blocks: list[JsonObject]):
    body = said()
    body["messages"].append(message_of_blocks(blocks))

    assert sent(body)["messages"][1]["content"] == (blocks[0]["text"] if len(blocks) == 1 else blocks)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
text_blocks = st.builds(lambda text: {"type": "text", "text": text}, st.text(min_size=1))
tool_blocks = st.builds(
    lambda n, name, given: {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": given},
    st.integers(0, 10**9),
    st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True),
    st.dictionaries(st.text(), json_values, max_size=3),
)
thinking_blocks = st.builds(
    lambda text: {"type": "thinking", "thinking": text, "signature": signature_of(text)}, st.text()
)


@given(blocks=st.lists(text_blocks | tool_blocks | thinking_blocks, min_size=2, max_size=6))
def test_any_answer_survives_the_round_trip(blocks: list[JsonObject]):
    body = said()
    # Through JSON, as over the wire.
    body["messages"].append(msgspec.json.decode(msgspec.json.encode(message_of_blocks(blocks))))
    again = sent(body)["messages"][1]["content"]

    if all(block["type"] != "thinking" for block in blocks) and sum(b["type"] == "text" for b in blocks) < 2:
        # Without opaque blocks the order of text and calls is OpenAI's: text first.
        blocks = sorted(blocks, key=lambda block: block["type"] == "tool_use")
    assert again == blocks


def error_body(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "max_tokens: Field required", ProviderRejected),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ProviderContextTooLong),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
            ProviderContextTooLong,
        ),
        (400, "invalid_request_error", "Output blocked by content filtering policy", ProviderContentFiltered),
        (400, "invalid_request_error", "Your credit balance is too low", ProviderQuotaExhausted),
        (401, "authentication_error", "invalid x-api-key", ProviderAuthFailed),
        (402, "billing_error", "no", ProviderQuotaExhausted),
        (403, "permission_error", "no", ProviderAuthFailed),
        (404, "not_found_error", "model: claude-nope", ProviderModelNotFound),
        (413, "request_too_large", "too big", ProviderContextTooLong),
        (429, "rate_limit_error", "slow down", ProviderRateLimited),
        (500, "api_error", "oops", ProviderUnavailable),
        (504, "timeout_error", "slow", ProviderTimeout),
        (529, "overloaded_error", "Overloaded", ProviderUnavailable),
    ],
)
def test_errors_are_classified(status: int, kind: str, message: str, expected: type[Exception]):
    error = ADAPTER.classify_error(status, {}, error_body(kind, message))

    assert type(error) is expected
    assert error.upstream_status == status


def test_a_proxys_page_is_an_unavailable_provider():
    assert type(ADAPTER.classify_error(502, {}, b"<html>")) is ProviderUnavailable


def test_a_rate_limit_says_when_to_come_back():
    error = ADAPTER.classify_error(429, {"retry-after": "7"}, error_body("rate_limit_error", "x"))

    assert error.retry_after_s == 7.0


def stream_until(event: JsonObject) -> bytes:
    start = {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}
    return b"".join(
        [
            sse({"type": "message_start", "message": start}),
            sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hal"}}),
            sse(event),
        ]
    )


def test_an_error_event_in_the_stream_is_raised():
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)

    with pytest.raises(ProviderUnavailable, match="Overloaded"):
        parser.feed(stream_until({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))


def test_a_stream_that_ends_early_is_a_bad_response():
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)
    parser.feed(stream_until({"type": "ping"}))

    with pytest.raises(ProviderBadResponse):
        parser.close()


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 5, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_delta", "index": 0},
        {"type": "message_delta", "delta": None},
        {"no": "type"},
    ],
)
def test_a_malformed_event_is_a_bad_response(event: JsonObject):
    data = b"".join([stream_until({"type": "ping"}), b"event: x\ndata: ", msgspec.json.encode(event), b"\n\n"])

    with pytest.raises(ProviderBadResponse):
        ADAPTER.open_chat_stream(chat_request(said()), TARGET).feed(data)


def test_unknown_events_and_deltas_are_skipped():
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)

    chunks = parser.feed(stream_until({"type": "brand_new"}))

    assert merged(chunks)["content"] == "Hal"


@given(data=st.binary(max_size=200))
def test_any_bytes_are_either_read_or_refused(data: bytes):
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)

    with pytest.raises(ProviderBadResponse):
        [*parser.feed(data), *parser.close()]
