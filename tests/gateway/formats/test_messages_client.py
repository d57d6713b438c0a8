"""Anthropic's official client, unmodified, against ``/v1/messages`` with each provider's wire format behind it."""

from __future__ import annotations

from typing import Any

import anthropic
import pydantic
import pytest
from anthropic import types as wire

from tests.gateway.formats.messages_door import MessagesDoor
from tests.upstreams.anthropic import AnthropicUpstream
from tests.upstreams.direct import target_of
from tests.upstreams.gemini import GeminiUpstream
from tests.upstreams.openai import OpenAIUpstream
from tests.upstreams.server import UpstreamServer

DOORS: dict[str, Any] = {
    "anthropic": lambda: MessagesDoor(AnthropicUpstream(), target_of("anthropic", "claude-sonnet-4-5")),
    "gemini": lambda: MessagesDoor(GeminiUpstream(), target_of("gemini", "gemini-2.5-flash")),
    "gemini-3": lambda: MessagesDoor(GeminiUpstream(), target_of("gemini", "gemini-3-flash-preview")),
    "openai": lambda: MessagesDoor(OpenAIUpstream(), target_of("openai", "gpt-4o", base_url="http://upstream.test/v1")),
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
IMAGE: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


@pytest.fixture(params=DOORS)
def door(request) -> MessagesDoor:
    made: MessagesDoor = DOORS[request.param]()
    return made


@pytest.fixture
async def client(door):
    async with (
        UpstreamServer(door) as server,
        client_of(server.url) as made,
    ):
        yield made


def client_of(url: str) -> Any:
    """The official client; Any, because its answers are unions that every test would have to narrow."""
    return anthropic.AsyncAnthropic(api_key="sk-bw", base_url=url, max_retries=0)


def said(content: Any = "Hi there") -> Any:
    return [{"role": "user", "content": content}]


def checked(message: Any) -> Any:
    """Anthropic's published type, checked for real (its client does not check)."""
    pydantic.TypeAdapter(wire.Message).validate_python(message.to_dict())
    return message


async def test_a_text_is_answered(client):
    answer = checked(await client.messages.create(model="m", max_tokens=64, system="Be kind.", messages=said()))

    assert answer.content[0].type == "text"
    assert "Hi there" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.to_dict()["cost"]["nanousd"] == 1_000
    assert answer.to_dict()["correlation_id"] == "req_1"


@pytest.mark.parametrize("tools", [False, True])
async def test_a_stream_adds_up_to_the_whole_answer(client, tools: bool):
    more: dict[str, Any] = {"tools": [WEATHER], "tool_choice": {"type": "any"}} if tools else {}
    whole = await client.messages.create(model="m", max_tokens=64, messages=said(), **more)

    kinds = []
    async with client.messages.stream(model="m", max_tokens=64, messages=said(), **more) as stream:
        async for event in stream:
            kinds.append(event.type)
        streamed = checked(await stream.get_final_message())

    assert [_without_id(block) for block in streamed.content] == [_without_id(block) for block in whole.content]
    assert streamed.stop_reason == whole.stop_reason
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


def _without_id(block: Any) -> Any:
    return {name: value for name, value in block.to_dict().items() if name != "id"}


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_is_called_and_its_result_goes_back(client, streamed: bool):
    asked: Any = {"model": "m", "max_tokens": 64, "tools": [WEATHER]}
    first_question = {**asked, "tool_choice": {"type": "tool", "name": "get_weather"}, "messages": said("Weather?")}
    if streamed:
        async with client.messages.stream(**first_question) as stream:
            first = await stream.get_final_message()
    else:
        first = await client.messages.create(**first_question)
    call = next(block for block in first.content if block.type == "tool_use")
    assert first.stop_reason == "tool_use"
    assert call.name == "get_weather"
    assert isinstance(call.input, dict)

    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "sunny"}]}
    history = [*said("Weather?"), {"role": "assistant", "content": first.content}, *said([result])]
    second = checked(await client.messages.create(**asked, messages=history))

    assert second.stop_reason == "end_turn"
    assert "sunny" in second.content[-1].text


async def test_an_image_is_understood(client):
    answer = await client.messages.create(
        model="m", max_tokens=64, messages=said([{"type": "text", "text": "Look"}, IMAGE])
    )

    assert "Look" in answer.content[-1].text


async def test_structured_output_fits_its_schema(client):
    class City(pydantic.BaseModel):
        name: str
        inhabitants: int

    answer = await client.messages.parse(model="m", max_tokens=64, messages=said(), output_format=City)

    assert isinstance(answer.parsed_output, City)


async def test_tokens_are_estimated(client):
    assert (await client.messages.count_tokens(model="m", messages=said())).input_tokens > 0


async def test_a_mistake_is_told_in_anthropics_shape(client):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await client.messages.create(model="m", max_tokens=64, messages=[{"role": "nobody", "content": "x"}])

    body: Any = caught.value.body
    error = body["error"]
    assert error["type"] == "invalid_request_error"
    assert (error["code"], error["param"]) == ("INVALID_REQUEST", "messages[0].role")
    assert (error["retryable"], error["correlation_id"]) == (False, "req_1")


@pytest.mark.parametrize("door", ["gemini", "openai"], indirect=True)
async def test_a_field_that_only_anthropic_has_is_refused_by_others(client):
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.create(
            model="m", max_tokens=64, messages=said(), extra_body={"context_management": {"edits": []}}
        )


@pytest.mark.parametrize("streamed", [False, True])
async def test_thinking_of_an_anthropic_target_comes_and_goes_back_signed(streamed: bool):
    door = DOORS["anthropic"]()
    asked: Any = {
        "model": "m",
        "max_tokens": 2048,
        "tools": [WEATHER],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    async with (
        UpstreamServer(door) as server,
        client_of(server.url) as client,
    ):
        if streamed:
            async with client.messages.stream(**asked, messages=said()) as stream:
                first = await stream.get_final_message()
        else:
            first = await client.messages.create(**asked, messages=said())
        assert [block.type for block in first.content] == ["thinking", "tool_use"]

        result = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "sunny"}
        history = [*said(), {"role": "assistant", "content": first.content}, *said([result])]
        await client.messages.create(**asked, messages=history)

    sent = door.upstream.requests[-1]
    assert sent.thinking.budget_tokens == 1024
    assert sent.output_config is None
    assert [block.__struct_config__.tag for block in sent.messages[1].content] == ["thinking", "tool_use"]


async def test_thoughts_of_another_provider_are_a_thinking_block():
    door = DOORS["gemini"]()
    async with (
        UpstreamServer(door) as server,
        client_of(server.url) as client,
    ):
        thinking: Any = {"type": "enabled", "budget_tokens": 1024}
        async with client.messages.stream(model="m", max_tokens=2048, messages=said(), thinking=thinking) as stream:
            answer = await stream.get_final_message()
        history = [*said(), {"role": "assistant", "content": answer.content}, *said("Go on")]
        again = await client.messages.create(model="m", max_tokens=2048, messages=history)

    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking == "Thinking about it."
    assert again.content[-1].text == "You said: Go on"


async def test_an_error_in_the_stream_is_raised_by_the_client():
    door = DOORS["gemini"]()
    async with (
        UpstreamServer(door) as server,
        client_of(server.url) as client,
    ):
        with pytest.raises(anthropic.APIStatusError) as caught:
            async with client.messages.stream(model="m", max_tokens=64, messages=said("BLOCKME")) as stream:
                await stream.get_final_message()

    assert "PROVIDER_CONTENT_FILTERED" in str(caught.value.body)
