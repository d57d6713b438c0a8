from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRequest
from gateway.formats.chat_request import chat_request
from gateway.formats.validation import decode_object

HELLO = {"role": "user", "content": "Hello"}


def body(**fields: Any) -> dict[str, Any]:
    return {"messages": [HELLO], **fields}


def test_the_full_openai_request_is_understood_and_kept_whole() -> None:
    wire = body(
        model="gpt-x",
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
        n=2,
        stop=["a", "b"],
        seed=7,
        logprobs=True,
        top_logprobs=3,
        stream=True,
        stream_options={"include_usage": True},
        mode="direct",
        budget={"max_tokens": 10, "max_cost_usd": 0.01},
        tags={"team": "red"},
        a_field_of_tomorrow={"x": 1},
    )
    request = chat_request(wire)
    assert request.body["a_field_of_tomorrow"] == {"x": 1}
    assert request.stop_sequences == ["a", "b"]
    assert request.budget is not None
    assert request.budget.max_cost_usd == 0.01
    assert request.tools is not None
    assert request.tools[0].function is not None


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        ({}, None),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (body(temperature="hot"), "temperature"),
        (body(temperature=9), "temperature"),
        (body(max_tokens=0), "max_tokens"),
        (body(n=0), "n"),
        (body(stream="yes"), "stream"),
        (body(tools=[{"type": "function"}]), "tools[0].function"),
        (body(response_format={"type": "json_schema"}), "response_format"),
        (body(response_format={"type": "xml"}), "response_format.type"),
        (body(budget={"max_dollars": 1}), "budget"),
        (body(budget={"max_tokens": 0}), "budget.max_tokens"),
        (body(tags={"a": 1}), "tags[...]"),
        (body(tags=["x" * 200]), "tags"),
    ],
)
def test_what_the_gateway_relies_on_is_checked_and_the_error_names_the_field(
    wire: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chat_request(wire)
    assert refused.value.param == param
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'"x"', b"\xff\xfe", b"{'a': 1}", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_object(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "messages",
        "model",
        "stream",
        "tools",
        "tool_choice",
        "response_format",
        "stop",
        "n",
        "budget",
        "tags",
        "__body__",
    ]
)


@given(st.dictionaries(FIELDS, JSON))
def test_any_object_is_either_understood_or_refused(wire: dict[str, Any]) -> None:
    try:
        understood = chat_request(wire).body is wire
    except InvalidRequest:
        understood = True
    assert understood
