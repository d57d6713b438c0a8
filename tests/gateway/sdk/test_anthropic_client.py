"""The official Anthropic client, unmodified, against every provider kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import anthropic
import pytest

from tests.gateway.sdk.conftest import Served
from tests.gateway.sdk.test_openai_client import PIXEL
from tests.gateway.stand import CLEAR_KEY
from tests.upstreams.server import HalfStream, Hang, RateLimited, Refusal

WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def client_of(served: Served) -> anthropic.AsyncAnthropic:
    # Nothing here is encrypted, and reading all authorities' certificates takes longer than most tests.
    http = anthropic.DefaultAsyncHttpxClient(verify=False)
    return anthropic.AsyncAnthropic(api_key=CLEAR_KEY, base_url=served.url, max_retries=0, http_client=http)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with client_of(served) as client:
        yield client


@pytest.fixture
async def remote_client(remote: Served) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with client_of(remote) as client:
        yield client


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def test_messages(client: anthropic.AsyncAnthropic, served: Served) -> None:
    message = await client.messages.create(
        model=served.chat_model,
        max_tokens=100,
        system="Be brief.",
        messages=[{"role": "user", "content": "Hello there"}],
    )
    assert "Hello" in text_of(message)
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    extra = cast("dict[str, Any]", message.model_extra)
    assert extra["cost"]["nanousd"] > 0
    assert extra["provider"] == served.kind


async def test_streaming(client: anthropic.AsyncAnthropic, served: Served) -> None:
    async with client.messages.stream(
        model=served.chat_model, max_tokens=100, messages=[{"role": "user", "content": "Hello there"}]
    ) as stream:
        pieces = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert "Hello" in "".join(pieces)
    assert "".join(pieces) == text_of(message)
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


async def test_tools_and_their_results(client: anthropic.AsyncAnthropic, served: Served) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    asked = await client.messages.create(
        model=served.chat_model, max_tokens=100, messages=messages, tools=[WEATHER], tool_choice={"type": "any"}
    )
    [call] = [block for block in asked.content if block.type == "tool_use"]
    assert (call.name, asked.stop_reason) == ("get_weather", "tool_use")
    messages += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 21 degrees"}]},
    ]
    told = await client.messages.create(model=served.chat_model, max_tokens=100, messages=messages, tools=[WEATHER])
    assert "Sunny" in text_of(told)


async def test_streamed_tool_calls(client: anthropic.AsyncAnthropic, served: Served) -> None:
    async with client.messages.stream(
        model=served.chat_model,
        max_tokens=100,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
    ) as stream:
        message = await stream.get_final_message()
    [call] = [block for block in message.content if block.type == "tool_use"]
    assert call.name == "get_weather"
    assert isinstance(call.input, dict)


async def test_images(client: anthropic.AsyncAnthropic, served: Served) -> None:
    message = await client.messages.create(
        model=served.chat_model,
        max_tokens=100,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    {"type": "text", "text": "What is this?"},
                ],
            }
        ],
    )
    assert text_of(message)


async def test_json_schema_output(client: anthropic.AsyncAnthropic, served: Served) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    message = await client.messages.create(
        model=served.chat_model,
        max_tokens=200,
        messages=[{"role": "user", "content": "Who is Ada?"}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert text_of(message).startswith("{")


async def test_stop_sequences_and_sampling(client: anthropic.AsyncAnthropic, served: Served) -> None:
    message = await client.messages.create(
        model=served.chat_model,
        max_tokens=100,
        stop_sequences=["there"],
        extra_body={"temperature": 0.5},
        messages=[{"role": "user", "content": "Hello there friend"}],
    )
    assert "friend" not in text_of(message)


async def test_counting_tokens(client: anthropic.AsyncAnthropic, served: Served) -> None:
    counted = await client.messages.count_tokens(
        model=served.chat_model, messages=[{"role": "user", "content": "Hello there"}]
    )
    assert counted.input_tokens > 0


async def test_a_wrong_key_is_an_authentication_error(served: Served) -> None:
    async with anthropic.AsyncAnthropic(api_key="wrong", base_url=served.url, max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError) as refused:
            await client.messages.create(model="x", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    body = cast("dict[str, Any]", refused.value.body)
    assert body["type"] == "error"
    assert body["error"]["code"] == "INVALID_API_KEY"


async def test_an_unknown_model_is_not_found(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(model="nope", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize(
    ("fault", "error"),
    [(RateLimited("1"), anthropic.RateLimitError), (Refusal(500), anthropic.InternalServerError)],
    ids=["429", "500"],
)
async def test_what_a_provider_does_wrong_is_the_clients_own_error_class(
    remote_client: anthropic.AsyncAnthropic, remote: Served, fault: Any, error: type[anthropic.APIStatusError]
) -> None:
    remote.server.fail(fault, times=None)
    with pytest.raises(error):
        await remote_client.messages.create(
            model=remote.chat_model, max_tokens=5, messages=[{"role": "user", "content": "Hi"}]
        )


async def test_a_provider_that_hangs_is_a_timeout(impatient: Served) -> None:
    impatient.server.fail(Hang(), times=None)
    async with client_of(impatient) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            await client.messages.create(
                model=impatient.chat_model, max_tokens=5, messages=[{"role": "user", "content": "Hi"}]
            )
    assert failed.value.status_code == 504


async def test_a_stream_that_breaks_off_raises_in_the_client(
    remote_client: anthropic.AsyncAnthropic, remote: Served
) -> None:
    remote.server.fail(HalfStream(pieces=5), times=None)

    async def read() -> None:
        async with remote_client.messages.stream(
            model=remote.chat_model,
            max_tokens=100,
            messages=[{"role": "user", "content": "Please say this long sentence back to me, word by word"}],
        ) as stream:
            await stream.get_final_message()

    with pytest.raises(anthropic.APIError):
        await read()


async def test_the_synchronous_client_works_too(served: Served) -> None:
    def call() -> str:
        with anthropic.Anthropic(api_key=CLEAR_KEY, base_url=served.url, max_retries=0) as client:
            return text_of(
                client.messages.create(
                    model=served.chat_model, max_tokens=100, messages=[{"role": "user", "content": "Hello there"}]
                )
            )

    assert "Hello" in await asyncio.to_thread(call)
