"""What every provider adapter must do, whatever its wire format."""

from __future__ import annotations

import base64
import re
import struct
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import errors
from contracts.chat import ChatChunk, ChatRequest, JsonObject
from routing.providers.registry import adapters
from tests.routing.providers.wires import EMULATORS, KEY, Wire, chat_request, embedding_request

KINDS = sorted(adapters())
EMBEDDING_KINDS = [kind for kind in KINDS if adapters()[kind].supports_embeddings]
NO_EMBEDDING_USAGE = {"gemini"}
"""Kinds whose provider does not say how many tokens were embedded."""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["name", "people"],
    "additionalProperties": False,
}


def tool(name: str) -> JsonObject:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {
        "type": "function",
        "function": {"name": name, "description": f"Tells the {name}", "parameters": parameters},
    }


TOOLS = [tool("get_weather"), tool("get_time")]

FIELDS: dict[str, Any] = {
    "temperature": 0.61,
    "top_p": 0.37,
    "n": 2,
    "stop": ["ZZZ"],
    "seed": 987_654,
    "max_tokens": 4_321,
    "max_completion_tokens": 4_321,
    "presence_penalty": 0.77,
    "frequency_penalty": 0.79,
    "logit_bias": {"50256": -77},
    "logprobs": True,
    "top_logprobs": 3,
    "tools": TOOLS,
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}},
    "reasoning_effort": "low",
    "verbosity": "low",
    "prediction": {"type": "content", "content": "x"},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "web_search_options": {},
    "functions": [{"name": "f", "parameters": {}}],
    "a_field_of_next_year": {"x": 1},
}
"""Every field of a chat request that changes the answer, set to a value that is not its default."""


MEANINGLESS_WITHOUT: dict[str, JsonObject] = {
    "tool_choice": {"tools": TOOLS},
    "parallel_tool_calls": {"tools": TOOLS},
    "top_logprobs": {"logprobs": True},
}


@pytest.fixture(params=KINDS)
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(request.param)


def test_every_kind_has_a_stand_in():
    assert set(KINDS) <= set(EMULATORS)


def test_text_is_answered(wire: Wire) -> None:
    result = wire.chat(chat_request("Hello there"))
    assert "Hello there" in result.text
    assert result.finish_reason == "stop"
    assert result.body["object"] == "chat.completion"
    assert result.body["id"]
    assert result.body["choices"][0]["message"]["role"] == "assistant"


def test_usage_is_reported(wire: Wire) -> None:
    usage = wire.chat(chat_request("Hello there")).usage
    assert usage is not None
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0
    assert not usage.estimated


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_prompts_and_earlier_turns_arrive(wire: Wire, role: str) -> None:
    turns = [(role, "Be brief"), ("user", "First"), ("assistant", "Answer one"), ("user", "Second")]
    request = chat_request(messages=[{"role": who, "content": text} for who, text in turns])
    body = wire.adapter.build_chat(request, wire.target).body.decode()
    positions = [body.find(text) for text in ("First", "Answer one", "Second")]
    assert positions == sorted(positions)
    assert -1 not in [*positions, body.find("Be brief")]
    assert "Second" in wire.chat(request).text


def test_a_tool_is_called_and_its_result_read(wire: Wire) -> None:
    request = chat_request("What is the weather?", tools=TOOLS[:1])
    first = wire.chat(request)
    message = first.body["choices"][0]["message"]
    assert first.finish_reason == "tool_calls"
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather"]
    assert msgspec.json.decode(message["tool_calls"][0]["function"]["arguments"]).keys() == {"city"}
    assert message["tool_calls"][0]["id"]
    assert "rain" in wire.chat(_answered(request, message, '{"sky": "rain"}')).text


def test_parallel_tool_calls_keep_their_results_apart(wire: Wire) -> None:
    request = chat_request("Tell me weather and time", tools=TOOLS)
    message = wire.chat(request).body["choices"][0]["message"]
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather", "get_time"]
    assert len({call["id"] for call in message["tool_calls"]}) == 2
    text = wire.chat(_answered(request, message, "rain", "noon")).text
    assert text.index("rain") < text.index("noon")


def test_streamed_tool_calls_are_the_same_as_whole_ones(wire: Wire) -> None:
    fields: JsonObject = {"tools": TOOLS}
    whole = wire.chat(chat_request("Tell me weather and time", **fields)).body["choices"][0]["message"]["tool_calls"]
    request = chat_request("Tell me weather and time", stream=True, **fields)
    calls: dict[int, JsonObject] = {}
    reasons = []
    for choice in _choices(wire, request):
        reasons.append(choice.get("finish_reason"))
        for piece in choice["delta"].get("tool_calls") or ():
            call = calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.get("id") or ""
            call["name"] += piece["function"].get("name") or ""
            call["arguments"] += piece["function"].get("arguments") or ""
    assert [call["name"] for call in calls.values()] == [call["function"]["name"] for call in whole]
    assert [msgspec.json.decode(call["arguments"]) for call in calls.values()] == [
        msgspec.json.decode(call["function"]["arguments"]) for call in whole
    ]
    assert all(call["id"] for call in calls.values())
    assert [reason for reason in reasons if reason] == ["tool_calls"]


def test_a_stream_is_the_same_text_with_usage_and_one_finish_reason(wire: Wire) -> None:
    whole = wire.chat(chat_request("Hello there"))
    request = chat_request("Hello there", stream=True)
    chunks = wire.chunks(request, wire.stream_bytes(request))
    choices = [choice for chunk in chunks for choice in chunk.body["choices"]]
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == whole.text
    assert [reason for choice in choices if (reason := choice.get("finish_reason"))] == ["stop"]
    assert choices[0]["delta"]["role"] == "assistant"
    assert {chunk.body["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.body["id"] for chunk in chunks}) == 1
    assert [chunk.usage for chunk in chunks if chunk.usage][-1] == whole.usage


def test_an_image_by_value_arrives(wire: Wire) -> None:
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    request = chat_request(parts)
    assert PIXEL.encode() in wire.adapter.build_chat(request, wire.target).body
    assert re.search(r"\b1 (images?|media)\b", wire.chat(request).text)


def test_an_answer_fits_the_json_schema(wire: Wire) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    answer = msgspec.json.decode(wire.chat(chat_request("Paris", response_format=form)).text)
    assert answer.keys() == {"name", "people"}
    assert isinstance(answer["people"], int)


@pytest.mark.parametrize("stop", ["STOP", ["STOP"]])
def test_stop_sequences_end_the_answer(wire: Wire, stop: str | list[str]) -> None:
    text = wire.chat(chat_request("one STOP two", stop=stop)).text
    assert "one" in text
    assert "two" not in text


def test_the_cap_on_output_tokens_is_kept(wire: Wire) -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        result = wire.chat(chat_request("one two three four five six seven", **{field: 2}))
        assert result.finish_reason == "length"
        assert "seven" not in result.text


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_field_is_dropped_in_silence(kind: str, field: str) -> None:
    wire = Wire(kind)
    base = MEANINGLESS_WITHOUT.get(field, {})
    plain = chat_request(**base)
    asking = chat_request(**base, **{field: FIELDS[field]})
    refused_anyway = wire.adapter.unsupported_params(plain, wire.target)
    listed = [name for name in wire.adapter.unsupported_params(asking, wire.target) if name not in refused_anyway]
    if not listed:
        assert refused_anyway or _sent(wire, asking) != _sent(wire, plain)
        return
    assert listed == [field]
    dropping = Wire(kind, drop_params=frozenset({field, *refused_anyway}))
    assert dropping.adapter.unsupported_params(asking, dropping.target) == []
    assert _sent(dropping, asking) == _sent(dropping, plain)


def test_breakwaters_own_fields_stay_here(wire: Wire) -> None:
    own: JsonObject = {"mode": "direct", "tags": {"team": "blue-team-tag"}, "budget": {"max_tokens": 5}}
    sent = wire.adapter.build_chat(chat_request(**own), wire.target)
    assert _sent(wire, chat_request(**own)) == _sent(wire, chat_request())
    assert b"blue-team-tag" not in sent.body


def test_the_credential_is_only_in_a_header(wire: Wire) -> None:
    sent = wire.adapter.build_chat(chat_request(), wire.target)
    assert KEY not in sent.url
    assert KEY.encode() not in sent.body


def test_the_request_is_left_as_it_was(wire: Wire) -> None:
    request = chat_request("Hello", stream=True, tools=TOOLS, max_tokens=5, tags={"a": "b"})
    before = msgspec.json.encode(request.body)
    wire.adapter.build_chat(request, wire.target)
    assert msgspec.json.encode(request.body) == before


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.ProviderRejected),
        (401, errors.ProviderAuthFailed),
        (403, errors.ProviderAuthFailed),
        (404, errors.ProviderModelNotFound),
        (429, errors.ProviderRateLimited),
        (500, errors.ProviderUnavailable),
        (503, errors.ProviderUnavailable),
    ],
)
def test_errors_are_told_apart(wire: Wire, status: int, kind: type[errors.ProviderError]) -> None:
    error = wire.error(status)
    assert type(error) is kind
    assert error.upstream_status == status


def test_a_rate_limit_says_when_to_come_back(wire: Wire) -> None:
    assert wire.error(429, retry_after="7").retry_after_s == 7.0


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_proxys_error_page_is_an_error_to_try_again_on(wire: Wire, status: int) -> None:
    error = wire.adapter.classify_error(status, {"content-type": "text/html"}, b"<html>Bad Gateway</html>")
    assert error.failover
    assert "<html>" not in error.message


def test_a_refused_credential_is_not_quoted(wire: Wire) -> None:
    assert KEY not in wire.error(401, f"Incorrect API key provided: {KEY}").message


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b"[]", b"{}", b"null", b'{"choices": 5}', b"\xff\xfe", b"[" * 9999]
)
def test_garbage_is_the_providers_error(wire: Wire, body: bytes) -> None:
    request = chat_request()
    with pytest.raises(errors.ProviderError):
        wire.adapter.parse_chat(body, request, wire.target)
    with pytest.raises(errors.ProviderError):
        wire.chunks(request, [b"data: " + body + b"\n\n"])


@pytest.mark.parametrize("kind", EMBEDDING_KINDS)
def test_embeddings_come_in_order_and_in_either_encoding(kind: str) -> None:
    wire = Wire(kind)
    plain = wire.embed(embedding_request(["one two", "three"], encoding_format="float"))
    coded = wire.embed(embedding_request(["one two", "three"], encoding_format="base64"))
    assert [item["index"] for item in plain.body["data"]] == [0, 1]
    assert kind in NO_EMBEDDING_USAGE or (plain.usage is not None and plain.usage.input_tokens > 0)
    for one, other in zip(plain.body["data"], coded.body["data"], strict=True):
        unpacked = struct.unpack(f"<{len(one['embedding'])}f", base64.b64decode(other["embedding"]))
        assert unpacked == pytest.approx(one["embedding"], abs=1e-6)


@pytest.mark.parametrize("kind", EMBEDDING_KINDS)
def test_a_single_text_is_embedded(kind: str) -> None:
    assert len(Wire(kind).embed(embedding_request("one")).body["data"]) == 1


@pytest.mark.parametrize("question", ["Hello — 你好 🌍", "Tell me weather and time"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_of_a_stream_do_not_matter(kind: str, question: str) -> None:
    wire = Wire(kind)
    request = chat_request(question, stream=True, tools=TOOLS)
    pieces = wire.stream_bytes(request)
    whole = b"".join(pieces)
    expected = _without_ids(wire.chunks(request, pieces))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(0, len(whole)), max_size=12))
    def any_split(cuts: list[int]) -> None:
        edges = [0, *sorted(cuts), len(whole)]
        split = [whole[start:end] for start, end in pairwise(edges)]
        assert _without_ids(wire.chunks(request, split)) == expected

    any_split()
    assert _without_ids(wire.chunks(request, [whole[at : at + 1] for at in range(len(whole))])) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_stops_early_is_not_taken_for_whole(kind: str) -> None:
    wire = Wire(kind)
    request = chat_request("one two three four five six", stream=True)
    pieces = wire.stream_bytes(request)
    for count in range(len(pieces) // 2 + 1):
        with pytest.raises(errors.ProviderBadResponse):
            wire.chunks(request, pieces[:count])


def _answered(request: ChatRequest, message: JsonObject, *results: str) -> ChatRequest:
    """The request with the assistant's message and a result for each of its tool calls."""
    told = [
        {"role": "tool", "tool_call_id": call["id"], "content": result}
        for call, result in zip(message["tool_calls"], results, strict=True)
    ]
    return chat_request(messages=[*request.body["messages"], message, *told], tools=request.body["tools"])


def _choices(wire: Wire, request: ChatRequest) -> list[JsonObject]:
    chunks = wire.chunks(request, wire.stream_bytes(request))
    return [choice for chunk in chunks for choice in chunk.body["choices"]]


def _without_ids(chunks: list[ChatChunk]) -> list[ChatChunk]:
    """The chunks without the ids of tool calls, which are made here where the provider has none."""
    for chunk in chunks:
        for choice in chunk.body["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                if "id" in call:
                    call["id"] = bool(call["id"])
    return chunks


def _sent(wire: Wire, request: ChatRequest) -> tuple[tuple[tuple[str, str], ...], Any]:
    sent = wire.adapter.build_chat(request, wire.target)
    return sent.headers, msgspec.json.decode(sent.body)
