"""What is particular to Cohere's translation."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts import errors
from contracts.chat import JsonObject
from routing.providers.cohere import CohereAdapter
from tests.routing.providers.wires import Wire, chat_request, embedding_request, target_of
from tests.upstreams.cohere import PLAN

adapter = CohereAdapter()
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}, "strict": True}}
OTHER = {"type": "function", "function": {"name": "get_time"}}


def sent(request: Any, **changes: Any) -> JsonObject:
    return msgspec.json.decode(adapter.build_chat(request, target_of("cohere", **changes)).body)


def unsupported(**fields: Any) -> list[str]:
    return adapter.unsupported_params(chat_request(**fields), target_of("cohere"))


def turn_with_result(content: Any) -> list[JsonObject]:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    return [
        {"role": "user", "content": "weather"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": content},
    ]


def test_sampling_fields_get_coheres_names():
    body = sent(chat_request(top_p=0.4, stop="END", max_completion_tokens=5, top_k=9, seed=1))
    assert (body["p"], body["stop_sequences"], body["max_tokens"], body["k"], body["seed"]) == (0.4, ["END"], 5, 9, 1)


@pytest.mark.parametrize(("top_p", "expected"), [(1, None), (0.999, 0.99), (0, 0.01)])
def test_top_p_is_kept_within_what_cohere_takes(top_p, expected):
    assert sent(chat_request(top_p=top_p)).get("p") == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("plain text", "plain text"),
        ('{"sky": "rain"}', [{"type": "document", "document": {"data": {"sky": "rain"}}}]),
        ('[{"a": 1}, {"b": 2}]', [{"type": "document", "document": {"data": d}} for d in ({"a": 1}, {"b": 2})]),
        ("[1, 2]", "[1, 2]"),
        ("{broken", "{broken"),
        ([{"type": "text", "text": "x"}], [{"type": "text", "text": "x"}]),
    ],
)
def test_tool_results_that_are_json_objects_become_documents(content, expected):
    assert sent(chat_request(messages=turn_with_result(content)))["messages"][2]["content"] == expected


def test_strict_tools_are_a_switch_for_all():
    body = sent(chat_request(tools=[TOOL]))
    assert body["strict_tools"] is True
    assert body["tools"][0]["function"] == {"name": "get_weather", "parameters": {"type": "object"}}


def test_a_named_tool_is_the_only_one_offered():
    choice = {"type": "function", "function": {"name": "get_time"}}
    body = sent(chat_request(tools=[TOOL, OTHER], tool_choice=choice))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["get_time"]
    assert body["tool_choice"] == "REQUIRED"


def test_a_tool_choice_that_is_not_offered_is_refused():
    choice = {"type": "function", "function": {"name": "nowhere"}}
    with pytest.raises(errors.InvalidRequest):
        sent(chat_request(tools=[TOOL], tool_choice=choice))


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({"temperature": 1.5}, ["temperature"]),
        ({"presence_penalty": -0.5}, ["presence_penalty"]),
        ({"presence_penalty": 0.5, "frequency_penalty": 0.5}, ["presence_penalty"]),
        ({"reasoning_effort": "low"}, ["reasoning_effort"]),
        ({"reasoning_effort": "high"}, []),
        ({"tools": [TOOL], "response_format": {"type": "json_object"}}, ["response_format"]),
        ({"n": 1, "logprobs": False, "user": "ann", "prompt_cache_key": "k"}, []),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
         ["messages[0].content[0] (input_audio)"]),
        ({"messages": [{"role": "user", "content": "x", "name": "ann"}]}, ["messages[0].name"]),
        ({"tools": [{"type": "web_search"}]}, ["tools[0]"]),
    ],
)  # fmt: skip
def test_what_cohere_has_no_equivalent_for_is_listed(fields, listed):
    assert unsupported(**fields) == listed


def test_a_plan_before_tool_calls_is_shown_and_sent_back():
    wire = Wire("cohere")
    request = chat_request("weather", tools=[TOOL])
    message = wire.chat(request).body["choices"][0]["message"]
    assert message["reasoning_content"] == PLAN
    call = message["tool_calls"][0]
    result = {"role": "tool", "tool_call_id": call["id"], "content": '{"sky": "rain"}'}
    again = chat_request(messages=[*request.body["messages"], message, result], tools=[TOOL])
    assert sent(again)["messages"][1]["tool_plan"] == PLAN
    answer = wire.chat(again).body["choices"][0]["message"]
    assert answer["extra_content"]["cohere"]["citations"][0]["sources"]


def test_thinking_is_reasoning_and_goes_back_as_thinking():
    wire = Wire("cohere")
    message = wire.chat(chat_request("Hi", reasoning_effort="high")).body["choices"][0]["message"]
    assert message["reasoning_content"] == "Let me think."
    turns = [{"role": "user", "content": "Hi"}, message, {"role": "user", "content": "And?"}]
    assert sent(chat_request(messages=turns))["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Let me think.",
    }


def test_a_stream_hands_out_the_plan_and_keeps_it_for_the_next_turn():
    wire = Wire("cohere")
    request = chat_request("weather", tools=[TOOL], stream=True)
    deltas = [
        choice["delta"]
        for chunk in wire.chunks(request, wire.stream_bytes(request))
        for choice in chunk.body["choices"]
    ]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == PLAN
    assert deltas[-1]["extra_content"] == {"cohere": {"tool_plan": PLAN}}


def test_what_is_billed_is_counted():
    usage = Wire("cohere").chat(chat_request("Hello")).usage
    assert usage is not None
    assert usage.input_tokens < 60  # the provider's own template, which it does not bill


@pytest.mark.parametrize(
    ("reason", "kind"), [("ERROR", errors.ProviderUnavailable), ("TIMEOUT", errors.ProviderTimeout)]
)
def test_an_answer_that_cohere_gave_up_on_is_an_error(reason, kind):
    request, target = chat_request(), target_of("cohere")
    body = msgspec.json.encode({"id": "x", "finish_reason": reason, "message": {"role": "assistant"}})
    with pytest.raises(kind):
        adapter.parse_chat(body, request, target)
    parser = adapter.open_chat_stream(request, target)
    event = msgspec.json.encode({"type": "message-end", "delta": {"finish_reason": reason, "error": "overloaded"}})
    with pytest.raises(kind):
        parser.feed(b"event: message-end\ndata: " + event + b"\n\n")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "too many tokens: total number of tokens in the prompt", errors.ProviderContextTooLong),
        (400, "invalid request: message must not be empty", errors.ProviderRejected),
        (422, "unknown field: parameter 'x' is not a valid field", errors.ProviderRejected),
        (402, "payment required", errors.ProviderQuotaExhausted),
        (404, "model 'x' not found", errors.ProviderModelNotFound),
        (429, "trial token rate limit exceeded", errors.ProviderRateLimited),
        (498, "invalid token", errors.ProviderAuthFailed),
        (499, "request cancelled", errors.ProviderUnavailable),
    ],
)
def test_errors_are_told_apart(status, message, kind):
    error = adapter.classify_error(status, {}, msgspec.json.encode({"message": message}))
    assert type(error) is kind


def test_embeddings_say_what_they_are_for():
    def body(**fields: Any) -> JsonObject:
        target = target_of("cohere", options={"input_type": "classification"})
        return msgspec.json.decode(adapter.build_embeddings(embedding_request("x", **fields), target).body)

    assert body()["input_type"] == "classification"
    assert body(input_type="search_query", dimensions=256)["input_type"] == "search_query"
    assert body(dimensions=256)["output_dimension"] == 256


def test_token_arrays_cannot_be_embedded():
    with pytest.raises(errors.UnsupportedParameter):
        adapter.build_embeddings(embedding_request([1, 2]), target_of("cohere"))
