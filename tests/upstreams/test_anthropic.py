"""The emulator is true to Anthropic: its official client works with it, and it knows the same fields."""

from __future__ import annotations

import typing
from typing import Any

import anthropic
import pydantic
import pytest
from anthropic import types as wire
from anthropic.types import message_create_params as params

from tests.upstreams import anthropic_schema as schema
from tests.upstreams.anthropic import AnthropicUpstream
from tests.upstreams.server import RateLimited, Refusal, UpstreamServer

MODEL = "claude-opus-4-5"
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SAMPLING = {"temperature", "top_p", "top_k"}
"""In the reference for version 2023-06-01; 2026-10-21, which the newest client speaks, took them away."""


@pytest.fixture
async def server():
    async with UpstreamServer(AnthropicUpstream(api_key="sk-test")) as started:
        yield started


@pytest.fixture
async def client(server):
    async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=server.url, max_retries=0) as made:
        yield made


def said(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("ours", "theirs", "beyond"),
    [
        (schema.Request, params.MessageCreateParamsStreaming, SAMPLING),
        (schema.Tool, wire.ToolParam, set()),
        (schema.Text, wire.TextBlockParam, set()),
        (schema.Image, wire.ImageBlockParam, set()),
        (schema.Document, wire.DocumentBlockParam, set()),
        (schema.Thinking, wire.ThinkingBlockParam, set()),
        (schema.ToolUse, wire.ToolUseBlockParam, set()),
        (schema.ToolResult, wire.ToolResultBlockParam, set()),
        (schema.OutputConfig, wire.OutputConfigParam, set()),
        (schema.ChoiceTool, wire.ToolChoiceToolParam, set()),
        (schema.ThinkingEnabled, wire.ThinkingConfigEnabledParam, set()),
    ],
)
def test_fields_are_those_of_the_published_client(ours: Any, theirs: Any, beyond: set[str]):
    published = set(typing.get_type_hints(theirs))

    assert set(ours.__struct_fields__) - published <= beyond


@pytest.mark.parametrize("thinking", [False, True])
@pytest.mark.parametrize("tools", [False, True])
async def test_whole_answers_fit_the_published_types(client, tools: bool, thinking: bool):
    more: dict[str, Any] = {"tools": [WEATHER]} if tools else {}
    if thinking:
        more["thinking"] = {"type": "enabled", "budget_tokens": 1024}

    answer = await client.messages.create(model=MODEL, max_tokens=2048, messages=said("Hi there"), **more)

    pydantic.TypeAdapter(wire.Message).validate_python(answer.model_dump(), strict=False)
    assert answer.content[-1].type == ("tool_use" if tools else "text")
    assert (answer.content[0].type == "thinking") is thinking


@pytest.mark.parametrize("tools", [False, True])
async def test_streams_add_up_to_the_whole_answer(client, tools: bool):
    more: dict[str, Any] = {"tools": [WEATHER]} if tools else {}
    whole = await client.messages.create(model=MODEL, max_tokens=64, messages=said("Hi there"), **more)

    async with client.messages.stream(model=MODEL, max_tokens=64, messages=said("Hi there"), **more) as stream:
        streamed = await stream.get_final_message()

    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.stop_reason == whole.stop_reason
    assert streamed.usage.output_tokens == whole.usage.output_tokens


async def test_an_unknown_field_is_refused_in_anthropic_words(client):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await client.messages.create(model=MODEL, max_tokens=5, messages=said("x"), extra_body={"nonsense": 1})

    body: Any = caught.value.body
    assert body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"messages": []}, "messages"),
        ({"max_tokens": None}, "max_tokens"),
        ({"temperature": 0.5}, "temperature"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "text"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "first message"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]}, "tool_use_id"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "additionalProperties"),
    ],
)
async def test_what_the_reference_forbids_is_refused(client, change: dict[str, Any], says: str):
    asked: Any = {"model": MODEL, "max_tokens": 5, "messages": said("x"), **change}

    with pytest.raises(anthropic.BadRequestError, match=says):
        await client.post("/v1/messages", body=asked, cast_to=object)


async def test_a_wrong_key_an_unknown_model_and_overload_are_their_errors(server, client):
    with pytest.raises(anthropic.AuthenticationError):
        await client.with_options(api_key="other").messages.create(model=MODEL, max_tokens=5, messages=said("x"))
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(model="gpt-4o", max_tokens=5, messages=said("x"))
    server.fail(Refusal(529, "Overloaded"))
    with pytest.raises(anthropic.InternalServerError, match="overloaded_error"):
        await client.messages.create(model=MODEL, max_tokens=5, messages=said("x"))
    server.fail(RateLimited("3"))
    with pytest.raises(anthropic.RateLimitError):
        await client.messages.create(model=MODEL, max_tokens=5, messages=said("x"))


async def test_tokens_are_counted(client):
    counted = await client.messages.count_tokens(model=MODEL, messages=said("one two three"))

    assert counted.input_tokens >= 3
