"""The Messages format by itself: what goes in, what comes out, and what an Anthropic target gets to see."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.chat import ChatChunk, ChatResult, JsonObject, Usage
from contracts.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    GatewayError,
    InternalError,
    InvalidRequest,
    ModelNotFound,
    NoTargetAvailable,
    PayloadTooLarge,
    PermissionDenied,
    ProviderTimeout,
    RateLimited,
)
from gateway.formats.base import AnswerFacts
from gateway.formats.messages import MessagesFormat, count_tokens_body
from routing.providers.registry import adapter_for
from tests.upstreams.direct import target_of

FORMAT = MessagesFormat()
ANTHROPIC = adapter_for("anthropic")
TARGET = target_of("anthropic", "m")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
EPHEMERAL = {"type": "ephemeral"}


def asked(content: Any = "Hi", **fields: Any) -> JsonObject:
    return {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": content}], **fields}


def at_anthropic(body: JsonObject) -> JsonObject:
    """What an Anthropic target gets when ``body`` comes in."""
    request = FORMAT.parse(msgspec.json.decode(msgspec.json.encode(body)))
    assert ANTHROPIC.unsupported_params(request, TARGET) == []
    wire: JsonObject = msgspec.json.decode(ANTHROPIC.build_chat(request, TARGET).body)
    return wire


def facts(usage: Usage | None = None) -> AnswerFacts:
    return AnswerFacts("req_1", "trace_1", "default", "p", "m", usage or Usage(10, 5), 1_500)


def render(message: JsonObject, finish_reason: str = "stop", usage: Usage | None = None, **fields: Any) -> JsonObject:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return FORMAT.render(ChatResult({"id": "chatcmpl-1", "model": "gpt", "choices": [choice], **fields}), facts(usage))


@pytest.mark.parametrize(
    "body",
    [
        asked(),
        asked(temperature=0.5, top_p=0.5, top_k=5, stop_sequences=["END"], stream=True, metadata={"user_id": "u"}),
        asked(system="Be kind."),
        asked(system=[{"type": "text", "text": "a", "cache_control": EPHEMERAL}, {"type": "text", "text": "b"}]),
        asked(cache_control=EPHEMERAL, service_tier="auto", inference_geo="eu"),
        asked(thinking={"type": "enabled", "budget_tokens": 2000}),
        asked(thinking={"type": "adaptive"}, output_config={"effort": "high"}),
        asked(thinking={"type": "disabled"}),
        asked(output_config={"effort": "max"}),
        asked(
            output_config={
                "format": {
                    "type": "json_schema",
                    "schema": {"type": "object", "properties": {}, "additionalProperties": False},
                }
            }
        ),
        asked(
            tools=[
                {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": EPHEMERAL},
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
            ],
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        ),
        asked(tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice={"type": "tool", "name": "f"}),
        asked(
            [
                {"type": "text", "text": "Look", "cache_control": EPHEMERAL},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                    "title": "a.pdf",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
                {"type": "document", "source": {"type": "url", "url": "https://example.test/a.pdf"}},
            ]
        ),
    ],
)
def test_an_anthropic_target_gets_what_came_in(body: JsonObject):
    assert at_anthropic(body) == body


def test_a_conversation_arrives_as_it_was():
    turns: list[JsonObject] = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "sig"},
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sun", "cache_control": EPHEMERAL},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [
                        {"type": "text", "text": "failed"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    ],
                    "is_error": True,
                },
                {"type": "text", "text": "And?"},
            ],
        },
        {"role": "system", "content": "Be brief from now on."},
        {"role": "user", "content": "Go on"},
    ]

    assert at_anthropic(asked(messages=turns) | {"messages": turns})["messages"] == turns


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
texts = st.builds(lambda text: {"type": "text", "text": text}, st.text(min_size=1))
images = st.sampled_from(
    [
        {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
    ]
)
uses = st.lists(
    st.builds(
        lambda name, given: {"name": name, "input": given},
        st.from_regex(r"[a-z_]{1,10}", fullmatch=True),
        st.dictionaries(st.text(), json_values, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@given(
    question=st.lists(texts | images, min_size=2, max_size=4),
    calls=uses,
    results=st.lists(st.lists(texts | images, min_size=2, max_size=3), min_size=3, max_size=3),
    rest=st.lists(texts | images, max_size=3),
)
def test_any_conversation_with_tools_and_images_arrives_as_it_was(
    question: list[JsonObject], calls: list[JsonObject], results: list[list[JsonObject]], rest: list[JsonObject]
):
    numbered = [{"type": "tool_use", "id": f"toolu_{n}", **call} for n, call in enumerate(calls)]
    answers = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": content}
        for call, content in zip(numbered, results, strict=False)
    ]
    turns = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": numbered},
        {"role": "user", "content": answers + rest},
    ]

    assert at_anthropic(asked() | {"messages": turns})["messages"] == turns


@given(blocks=st.lists(texts, max_size=1), calls=st.none() | uses)
def test_any_answer_comes_back_as_the_client_saw_it(blocks: list[JsonObject], calls: list[JsonObject] | None):
    message: JsonObject = {"role": "assistant", "content": blocks[0]["text"] if blocks else None}
    message["tool_calls"] = [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": call["name"], "arguments": msgspec.json.encode(call["input"]).decode()},
            "extra_content": {"google": {"thought_signature": f"s{n}"}},
        }
        for n, call in enumerate(calls or ())
    ]

    content = render(message)["content"]
    returned = FORMAT.parse({**asked(), "messages": [{"role": "assistant", "content": content}]}).messages[0]

    assert returned.content == (message["content"] if message["content"] or calls else "")
    assert msgspec.to_builtins(returned.tool_calls or []) == [
        {name: value for name, value in call.items() if name != "type"} for call in message["tool_calls"]
    ]


def test_tools_and_results_are_openais():
    request = FORMAT.parse(
        {
            **asked(tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice={"type": "any"}),
            "messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sun"}]},
            ],
        }
    )

    assert request.tool_choice == "required"
    assert request.tools is not None
    assert request.tools[0].function is not None
    assert request.tools[0].function.parameters == {"type": "object"}
    assert request.messages[0].tool_calls is not None
    assert request.messages[0].tool_calls[0].function.arguments == '{"a":1}'
    assert (request.messages[1].role, request.messages[1].tool_call_id) == ("tool", "t1")
    assert request.messages[1].content == "sun"


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (10_000, "medium"), (32_000, "high")])
def test_a_thinking_budget_is_an_effort_for_other_providers(budget: int, effort: str):
    request = FORMAT.parse(asked(thinking={"type": "enabled", "budget_tokens": budget}))

    assert request.reasoning_effort == effort


def test_our_own_fields_are_read():
    request = FORMAT.parse(asked(mode="direct", tags=["a"], budget={"max_tokens": 5}))

    assert (request.tags, request.budget.max_tokens if request.budget else None) == (["a"], 5)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]}, "messages[0].content[0]"),
        ({"system": [{"type": "image"}]}, "system"),
        ({"tools": [{"name": "f"}]}, "tools[0]"),
        ({"tool_choice": {"type": "sometimes"}}, "tool_choice"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {}}, "thinking.type"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ],
)
def test_a_mistake_names_its_field(change: JsonObject, param: str):
    with pytest.raises(InvalidRequest) as caught:
        FORMAT.parse({**asked(), **change})

    assert caught.value.param == param


@given(body=st.dictionaries(st.sampled_from(["messages", "tools", "system", "thinking", "max_tokens"]), json_values))
def test_no_body_breaks_the_parser(body: JsonObject):
    with pytest.raises(GatewayError):
        FORMAT.parse(body)


@pytest.mark.parametrize(
    ("finish_reason", "stop_reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("content_filter", "refusal")],
)
def test_finish_reasons_are_stop_reasons(finish_reason: str, stop_reason: str):
    assert render({"content": "x"}, finish_reason)["stop_reason"] == stop_reason


def test_anthropics_own_ending_is_kept():
    extra = {
        "anthropic": {"stop_reason": "stop_sequence", "stop_sequence": "END", "usage": {"service_tier": "standard"}}
    }

    answer = render({"content": "x"}, extra_content=extra)

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")
    assert answer["usage"]["service_tier"] == "standard"


def test_usage_counts_cached_tokens_beside_the_input():
    usage = Usage(130, 5, cached_input_tokens=100, cache_write_tokens=20, reasoning_tokens=2)

    assert render({"content": "x"}, usage=usage)["usage"] == {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }


def test_pictures_that_a_model_made_are_image_blocks():
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}

    assert render({"content": None, "images": images})["content"] == [block]
    assert [event["content_block"] for event in events_of([chunk({"images": images})]) if "content_block" in event] == [
        block
    ]


def test_arguments_that_a_model_left_unfinished_are_shown():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": '}}

    block = render({"content": None, "tool_calls": [call]}, "length")["content"][0]

    assert block == {"type": "tool_use", "id": "c", "name": "f", "input": {"INVALID_JSON": '{"a": '}}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (AuthenticationFailed("x"), "authentication_error"),
        (BudgetExceeded("x"), "billing_error"),
        (PermissionDenied("x"), "permission_error"),
        (ModelNotFound("x"), "not_found_error"),
        (PayloadTooLarge("x"), "request_too_large"),
        (RateLimited("x"), "rate_limit_error"),
        (NoTargetAvailable("x"), "overloaded_error"),
        (ProviderTimeout("x"), "timeout_error"),
        (InternalError("x"), "api_error"),
    ],
)
def test_errors_have_anthropics_types_and_our_fields(error: GatewayError, kind: str):
    body = FORMAT.error_body(error, "req_1")

    assert (body["type"], body["request_id"]) == ("error", "req_1")
    assert body["error"]["type"] == kind
    assert body["error"]["code"] == error.code
    assert body["error"]["retryable"] == error.retryable
    assert body["error"]["correlation_id"] == "req_1"


def test_counting_needs_no_max_tokens():
    body = asked()
    del body["max_tokens"]

    assert count_tokens_body(body)["input_tokens"] > 0


def chunk(delta: JsonObject, finish_reason: str | None = None) -> ChatChunk:
    return ChatChunk({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def events_of(chunks: list[ChatChunk]) -> list[JsonObject]:
    renderer = FORMAT.open_stream(FORMAT.parse(asked(stream=True)), correlation_id="req_1")
    raw = b"".join([*(renderer.feed(one) for one in chunks), renderer.finish(facts())])
    found = []
    for block in raw.split(b"\n\n")[:-1]:
        name, data = block.split(b"\n")
        event = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        found.append(event)
    return found


deltas = st.one_of(
    st.builds(lambda text: {"content": text}, st.text(max_size=5)),
    st.builds(lambda text: {"reasoning_content": text}, st.text(max_size=5)),
    st.builds(
        lambda number, name, arguments: {
            "tool_calls": [{"index": number, "id": f"c{number}", "function": {"name": name, "arguments": arguments}}]
        },
        st.integers(0, 2),
        st.sampled_from(["f", "g"]),
        st.text(max_size=5),
    ),
    st.just({"extra_content": {"anthropic": {"blocks": [{"index": 0, "type": "redacted_thinking", "data": "x"}]}}}),
)


@given(parts=st.lists(deltas, max_size=12))
def test_any_stream_is_well_formed_and_complete(parts: list[JsonObject]):
    events = events_of([*(chunk(part) for part in parts), chunk({}, "stop")])

    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-2], kinds[-1]) == ("message_start", "message_delta", "message_stop")
    starts = [event["index"] for event in events if event["type"] == "content_block_start"]
    stops = [event["index"] for event in events if event["type"] == "content_block_stop"]
    assert starts == stops == list(range(len(starts)))
    written = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(d["text"] for d in written if d["type"] == "text_delta") == "".join(
        part.get("content", "") for part in parts
    )
    assert "".join(d["thinking"] for d in written if d["type"] == "thinking_delta") == "".join(
        part.get("reasoning_content", "") for part in parts
    )


def test_a_tools_arguments_go_to_its_own_block_even_when_calls_alternate():
    def piece(number: int, text: str, **more: Any) -> ChatChunk:
        return chunk({"tool_calls": [{"index": number, **more, "function": {"name": f"f{number}", "arguments": text}}]})

    events = events_of([piece(0, '{"a"', id="x"), piece(1, '{"b"', id="y"), piece(0, ":1}"), piece(1, ":2}")])

    texts: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_delta":
            texts[event["index"]] = texts.get(event["index"], "") + event["delta"]["partial_json"]
    assert texts == {0: '{"a":1}', 1: '{"b":2}'}


def test_the_last_delta_carries_usage_and_our_fields():
    last = events_of([chunk({"content": "x"}), chunk({}, "length")])[-2]

    assert last["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert last["usage"]["output_tokens"] == 5
    assert (last["cost"]["nanousd"], last["correlation_id"], last["provider"]) == (1_500, "req_1", "p")


def test_an_error_ends_the_stream_as_an_error_event():
    renderer = FORMAT.open_stream(FORMAT.parse(asked(stream=True)), correlation_id="req_1")

    raw = renderer.error(ProviderTimeout("slow"))

    assert raw.startswith(b"event: error\ndata: ")
    assert msgspec.json.decode(raw.split(b"data: ")[1])["error"]["type"] == "timeout_error"


def test_beta_features_named_in_the_header_go_along() -> None:
    request = FORMAT.parse(asked(), {"anthropic-beta": "files-api-2025-04-14, context-1m"})
    assert "files-api-2025-04-14" in str(request.body)
    assert "context-1m" in str(request.body)
