"""The Gemini adapter against an upstream that allows what the v1beta reference allows."""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta

from contracts.chat import ChatChunk, EmbeddingRequest, JsonObject, Usage
from contracts.errors import (
    InvalidRequest,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderContentFiltered,
    ProviderContextTooLong,
    ProviderModelNotFound,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    UnsupportedParameter,
)
from gateway.formats.chat_request import chat_request
from routing.providers.gemini.response import usage_of
from routing.providers.registry import adapter_for
from tests.upstreams.direct import ask, ask_streamed, seen, target_of
from tests.upstreams.gemini import UNSIGNED, GeminiUpstream

ADAPTER = adapter_for("gemini")
TARGET = target_of("gemini", "gemini-2.5-flash")
NEWER = target_of("gemini", "gemini-3-pro-preview")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER: JsonObject = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME: JsonObject = {"type": "function", "function": {"name": "get_time"}}


@pytest.fixture
def upstream() -> GeminiUpstream:
    return GeminiUpstream(api_key="sk-test")


def said(content: Any = "Hi there", **fields: Any) -> JsonObject:
    return {"messages": [{"role": "user", "content": content}], **fields}


def merged(chunks: list[ChatChunk], index: int = 0) -> JsonObject:
    """The message that OpenAI's own client makes of one choice's deltas."""
    message: dict[object, object] = {}
    for chunk in chunks:
        for choice in chunk.body["choices"]:
            if choice["index"] == index:
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
    assert result.body["model"] == "gemini-2.5-flash"


@pytest.mark.parametrize("base", ["http://x.test", "http://x.test/v1beta", "http://x.test/v1beta/"])
@pytest.mark.parametrize("model", ["gemini-2.5-flash", "models/gemini-2.5-flash"])
def test_the_address_is_the_same_however_it_is_configured(base: str, model: str):
    built = ADAPTER.build_chat(chat_request(said(stream=True)), target_of("gemini", model, base_url=base))

    assert built.url == "http://x.test/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert ("x-goog-api-key", "sk-test") in built.headers


def test_system_messages_become_the_system_instruction(upstream):
    body = said()
    body["messages"].insert(0, {"role": "system", "content": "Be brief."})

    ask(ADAPTER, upstream, TARGET, body)

    assert upstream.requests[-1].system_instruction.parts[0].text == "Be brief."


def test_generation_fields_have_their_names(upstream):
    fields = {
        "temperature": 1.5,
        "top_p": 0.9,
        "top_k": 40,
        "seed": 7,
        "stop": "END",
        "max_completion_tokens": 50,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 1,
        "user": "u-1",
    }

    result = ask(ADAPTER, upstream, TARGET, said(**fields))

    sent = upstream.requests[-1].generation
    assert (sent.temperature, sent.top_p, sent.top_k, sent.seed) == (1.5, 0.9, 40, 7)
    assert (sent.stop_sequences, sent.max_output_tokens) == (["END"], 50)
    assert (sent.presence_penalty, sent.frequency_penalty) == (0.5, -0.5)
    assert (sent.candidate_count, sent.response_logprobs, sent.logprobs) == (2, True, 1)
    assert [choice["index"] for choice in result.body["choices"]] == [0, 1]
    first = result.body["choices"][0]["logprobs"]["content"][0]
    assert (first["token"], first["logprob"]) == ("You", -0.5)
    assert first["top_logprobs"][0]["token"] == "You"


def test_images_audio_and_files_arrive(upstream):
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
    ]

    assert ask(ADAPTER, upstream, TARGET, said(parts)).text == "You said: Look [4 media]"
    sent = upstream.requests[-1].contents[0].parts
    assert (sent[1].file_data.file_uri, sent[1].file_data.mime_type) == ("https://example.test/cat.png", "image/png")
    assert (sent[2].inline_data.mime_type, sent[2].inline_data.data) == ("image/png", PIXEL)


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "get_time"}},
            {"mode": "ANY", "allowedFunctionNames": ["get_time"]},
        ),
    ],
)
def test_tool_choice_is_translated(choice: Any, wire: JsonObject):
    request = chat_request(said(tools=[WEATHER, TIME], tool_choice=choice))

    body = msgspec.json.decode(ADAPTER.build_chat(request, TARGET).body)

    assert body["toolConfig"] == {"functionCallingConfig": wire}


@pytest.mark.parametrize("target", [TARGET, NEWER], ids=["2.5", "3"])
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_called_and_their_results_go_back(target: Any, streamed: bool, upstream):
    body = said(tools=[WEATHER, TIME])
    if streamed:
        chunks = ask_streamed(ADAPTER, upstream, target, body)
        first = merged(chunks)
        assert finish_reasons(chunks) == ["tool_calls"]
    else:
        result = ask(ADAPTER, upstream, target, body)
        first = result.body["choices"][0]["message"]
        assert result.finish_reason == "tool_calls"
    assert [call["function"]["name"] for call in first["tool_calls"]] == ["get_weather", "get_time"]
    assert msgspec.json.decode(first["tool_calls"][0]["function"]["arguments"]) == {"city": "text"}

    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": content}
        for call, content in zip(first["tool_calls"], ['{"sky":"blue"}', "noon"], strict=True)
    ]
    again = ask(ADAPTER, upstream, target, {**body, "messages": [*body["messages"], first, *results]})

    assert again.text == 'You said: {"sky":"blue"} {"output":"noon"}'


def test_calls_that_another_model_made_get_the_stand_in_signature(upstream):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    body = said(tools=[TIME])
    body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]

    ask(ADAPTER, upstream, NEWER, body)

    assert upstream.requests[-1].contents[1].parts[0].thought_signature == UNSIGNED


def test_an_image_in_a_tools_result_stays_with_it(upstream):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    body = said(tools=[TIME])
    body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "seen"}, picture]},
    ]

    assert ask(ADAPTER, upstream, TARGET, body).text == 'You said: {"output":"seen"} [1 media]'


def test_a_tool_message_without_its_call_is_the_callers_mistake():
    body = said()
    body["messages"].append({"role": "tool", "tool_call_id": "nope", "content": "x"})

    with pytest.raises(InvalidRequest, match="tool call"):
        ADAPTER.build_chat(chat_request(body), TARGET)


def test_json_schema_and_json_object_are_honoured(upstream):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}

    assert ask(ADAPTER, upstream, TARGET, said(response_format=form)).text == '{"n":7}'
    assert ask(ADAPTER, upstream, TARGET, said(response_format={"type": "json_object"})).text == '{"ok":true}'
    assert upstream.requests[0].generation.response_json_schema == schema


@pytest.mark.parametrize(
    ("target", "effort", "wire"),
    [
        (TARGET, "none", {"thinkingBudget": 0, "includeThoughts": False}),
        (TARGET, "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        (TARGET, "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        (NEWER, "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        (NEWER, "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ],
)
def test_effort_is_a_budget_or_a_level(target: Any, effort: str, wire: JsonObject):
    request = chat_request(said(reasoning_effort=effort))

    assert ADAPTER.unsupported_params(request, target) == []
    body = msgspec.json.decode(ADAPTER.build_chat(request, target).body)
    assert body["generationConfig"]["thinkingConfig"] == wire


def test_thoughts_are_the_reasoning_and_count_as_output(upstream):
    result = ask(ADAPTER, upstream, TARGET, said(reasoning_effort="low"))

    assert result.body["choices"][0]["message"]["reasoning_content"] == "Thinking about it."
    assert result.usage is not None
    assert (result.usage.reasoning_tokens, result.usage.output_tokens) == (3, 7)


def test_fields_of_googles_own_are_put_where_they_belong(upstream):
    safety = [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}]
    google = {"thinking_config": {"thinking_budget": 99}, "cached_content": "cachedContents/1"}

    result = ask(ADAPTER, upstream, TARGET, said(safety_settings=safety, extra_body={"google": google}))

    asked = upstream.requests[-1]
    assert asked.safety_settings[0].threshold == "BLOCK_NONE"
    assert asked.generation.thinking_config.thinking_budget == 99
    assert asked.cached_content == "cachedContents/1"
    assert result.usage is not None
    assert result.usage.cached_input_tokens == result.usage.input_tokens


def test_an_unknown_field_is_refused_by_the_provider(upstream):
    with pytest.raises(ProviderRejected, match="nonsense"):
        ask(ADAPTER, upstream, TARGET, said(nonsense=1))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"reasoning_effort": "max"}, "reasoning_effort"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"audio": {"voice": "x"}}, "audio"),
    ],
)
def test_what_has_no_equivalent_is_named(fields: JsonObject, name: str):
    assert ADAPTER.unsupported_params(chat_request(said(**fields)), TARGET) == [name]


def test_a_file_by_openai_id_is_named_by_its_place():
    parts = [{"type": "file", "file": {"file_id": "file-1"}}]

    assert ADAPTER.unsupported_params(chat_request(said(parts)), TARGET) == ["messages[0].content[0] (file)"]


def test_a_blocked_prompt_is_a_content_filter_error(upstream):
    with pytest.raises(ProviderContentFiltered, match="PROHIBITED_CONTENT"):
        ask(ADAPTER, upstream, TARGET, said("BLOCKME"))
    with pytest.raises(ProviderContentFiltered, match="PROHIBITED_CONTENT"):
        ask_streamed(ADAPTER, upstream, TARGET, said("BLOCKME"))


def test_an_unsafe_answer_has_the_finish_reason_content_filter(upstream):
    assert ask(ADAPTER, upstream, TARGET, said("UNSAFE")).finish_reason == "content_filter"
    assert finish_reasons(ask_streamed(ADAPTER, upstream, TARGET, said("UNSAFE"))) == ["content_filter"]


def test_a_cut_answer_has_the_finish_reason_length(upstream):
    assert ask(ADAPTER, upstream, TARGET, said(max_tokens=2)).finish_reason == "length"


def test_a_malformed_function_call_is_a_bad_response():
    body = {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "oops", "index": 0}]}

    with pytest.raises(ProviderBadResponse, match="oops"):
        ADAPTER.parse_chat(msgspec.json.encode(body), chat_request(said()), TARGET)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"candidates":[]}',
        b'{"candidates":[1]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}',
    ],
)
def test_garbage_is_a_bad_response(body: bytes):
    with pytest.raises(ProviderBadResponse):
        ADAPTER.parse_chat(body, chat_request(said()), TARGET)


ANSWERS: list[list[JsonObject]] = [
    [{"text": "Grüße aus Köln 🌧"}],
    [{"text": "Hm.", "thought": True}, {"text": "So it is.", "thoughtSignature": "sig"}],
    [
        {"text": "Calling."},
        {"functionCall": {"id": "a", "name": "f", "args": {"x": [1, "ü"]}}, "thoughtSignature": "s"},
    ],
    [{"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "Done."}],
    [{"text": "Here."}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}],
]


@pytest.mark.parametrize("parts", ANSWERS)
@given(cut=st.integers(1, 400))
def test_a_stream_adds_up_to_the_whole_answer_however_it_is_cut(parts: list[JsonObject], cut: int):
    upstream = GeminiUpstream()
    upstream.answers.extend([msgspec.json.decode(msgspec.json.encode(parts)) for _ in range(2)])
    whole = ask(ADAPTER, upstream, TARGET, said())

    chunks = ask_streamed(ADAPTER, upstream, TARGET, said(), cut=cut)

    streamed, message = merged(chunks), whole.body["choices"][0]["message"]
    for name in ("content", "tool_calls", "reasoning_content", "images", "extra_content"):
        assert streamed.get(name) == message.get(name)
    assert finish_reasons(chunks) == [whole.finish_reason]
    assert chunks[-1].usage == whole.usage


def test_several_candidates_are_streamed_side_by_side(upstream):
    chunks = ask_streamed(ADAPTER, upstream, TARGET, said(n=2))

    assert [merged(chunks, index)["content"] for index in (0, 1)] == ["You said: Hi there"] * 2
    assert finish_reasons(chunks) == ["stop", "stop"]


def test_a_stream_that_ends_early_is_a_bad_response():
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)
    parser.feed(b'data: {"candidates":[{"content":{"parts":[{"text":"Hal"}]},"index":0}]}\r\n\r\n')

    with pytest.raises(ProviderBadResponse):
        parser.close()


def test_an_error_in_the_stream_is_raised():
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)

    with pytest.raises(ProviderUnavailable, match="overloaded"):
        parser.feed(b'data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}\r\n\r\n')


@given(data=st.binary(max_size=200))
def test_any_bytes_are_either_read_or_refused(data: bytes):
    parser = ADAPTER.open_chat_stream(chat_request(said()), TARGET)

    with pytest.raises(ProviderBadResponse):
        [*parser.feed(data), *parser.close()]


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, "INVALID_ARGUMENT", "bad", ProviderRejected),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ProviderContextTooLong,
        ),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", ProviderAuthFailed),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", ProviderAuthFailed),
        (401, "UNAUTHENTICATED", "no", ProviderAuthFailed),
        (403, "PERMISSION_DENIED", "no", ProviderAuthFailed),
        (404, "NOT_FOUND", "models/x is not found", ProviderModelNotFound),
        (429, "RESOURCE_EXHAUSTED", "quota", ProviderRateLimited),
        (500, "INTERNAL", "oops", ProviderUnavailable),
        (503, "UNAVAILABLE", "The model is overloaded.", ProviderUnavailable),
        (504, "DEADLINE_EXCEEDED", "slow", ProviderTimeout),
    ],
)
def test_errors_are_classified(status: int, code: str, message: str, expected: type[Exception]):
    body = msgspec.json.encode({"error": {"code": status, "message": message, "status": code}})

    for shape in (body, b"[" + body + b"]"):
        error = ADAPTER.classify_error(status, {}, shape)
        assert type(error) is expected
        assert error.upstream_status == status


def test_a_rate_limit_says_when_to_come_back(upstream):
    reply = upstream.error(429, "quota")

    assert ADAPTER.classify_error(429, reply.headers, reply.pieces[0]).retry_after_s == 17.0


@pytest.mark.parametrize("target", [target_of("gemini", "gemini-nope", credential=None)])
def test_a_missing_key_is_our_fault(target: Any, upstream):
    with pytest.raises(ProviderAuthFailed):
        ask(ADAPTER, upstream, target, said())


def embed(upstream: GeminiUpstream, **fields: Any) -> JsonObject:
    target = target_of("gemini", "gemini-embedding-001")
    request = msgspec.convert(fields, EmbeddingRequest)
    request.body = fields
    reply = upstream.handle(seen(ADAPTER.build_embeddings(request, target)))
    assert reply.status == 200, reply.pieces
    return ADAPTER.parse_embeddings(reply.pieces[0], request, target).body


def test_one_text_is_embedded(upstream):
    data = embed(upstream, input="Hi", dimensions=4, task_type="RETRIEVAL_QUERY")["data"]

    assert [len(item["embedding"]) for item in data] == [4]


def test_several_texts_are_embedded_in_order(upstream):
    one = embed(upstream, input="b")["data"][0]["embedding"]
    data = embed(upstream, input=["a", "b"])["data"]

    assert [item["index"] for item in data] == [0, 1]
    assert data[1]["embedding"] == one


def test_embeddings_are_given_as_base64_when_asked(upstream):
    floats = embed(upstream, input="Hi")["data"][0]["embedding"]
    text = embed(upstream, input="Hi", encoding_format="base64")["data"][0]["embedding"]

    assert struct.unpack(f"<{len(floats)}f", base64.b64decode(text)) == pytest.approx(floats)


def test_token_arrays_are_refused(upstream):
    with pytest.raises(UnsupportedParameter):
        embed(upstream, input=[[1, 2]])


def test_tokens_are_counted_by_what_they_hold():
    details = [{"modality": "TEXT", "tokenCount": 1}, {"modality": "IMAGE", "tokenCount": 2}]
    metadata = {
        "promptTokenCount": 6,
        "promptTokensDetails": [*details, {"modality": "AUDIO", "tokenCount": 3}],
        "candidatesTokenCount": 3,
        "candidatesTokensDetails": details,
    }
    usage = usage_of({"usageMetadata": metadata})
    assert usage == Usage(6, 3, audio_input_tokens=3, image_input_tokens=2, image_output_tokens=2)
