"""The stand-in is true to OpenAI: its official client works with it, and it knows the same fields."""

from __future__ import annotations

import typing
from typing import Any

import openai
import pydantic
import pytest
from openai.types import chat as wire
from openai.types.chat import completion_create_params as params
from openai.types.embedding_create_params import EmbeddingCreateParams

from tests.upstreams import openai_schema as schema
from tests.upstreams.openai import UNKNOWN_MODEL, OpenAIUpstream
from tests.upstreams.server import UpstreamServer

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def server():
    async with UpstreamServer(OpenAIUpstream(key="sk-test")) as started:
        yield started


@pytest.fixture
async def client(server):
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{server.url}/v1", max_retries=0) as made:
        yield made


def said(text: Any) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (schema.ChatBody, params.CompletionCreateParamsStreaming),
        (schema.EmbeddingsBody, EmbeddingCreateParams),
        (schema.SystemMessage, wire.ChatCompletionSystemMessageParam),
        (schema.DeveloperMessage, wire.ChatCompletionDeveloperMessageParam),
        (schema.UserMessage, wire.ChatCompletionUserMessageParam),
        (schema.AssistantMessage, wire.ChatCompletionAssistantMessageParam),
        (schema.ToolMessage, wire.ChatCompletionToolMessageParam),
        (schema.FunctionMessage, wire.ChatCompletionFunctionMessageParam),
        (schema.ImageUrl, wire.chat_completion_content_part_image_param.ImageURL),
        (schema.InputAudio, wire.chat_completion_content_part_input_audio_param.InputAudio),
        (schema.FunctionDefinition, openai.types.shared_params.FunctionDefinition),
        (schema.JsonSchema, openai.types.shared_params.response_format_json_schema.JSONSchema),
        (schema.StreamOptions, wire.ChatCompletionStreamOptionsParam),
    ],
)
def test_the_fields_are_those_of_the_official_clients_request_types(ours, theirs):
    own = set(ours.__struct_encode_fields__)
    if ours.__struct_config__.tag_field:
        own.add(ours.__struct_config__.tag_field)
    assert own == set(typing.get_type_hints(theirs)) - {"prompt_cache_breakpoint"}


async def test_a_chat_is_answered_in_the_official_shape(client):
    completion = await client.chat.completions.create(model="gpt-4o", messages=said("Hello"))
    # The client builds its models without checking; checking them strictly proves every field's type.
    wire.ChatCompletion.model_validate(completion.model_dump(), strict=True)
    assert completion.choices[0].message.content == "You said: Hello"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


async def test_a_stream_gives_the_same_text_and_usage_when_asked(client):
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=said("Hello"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    for chunk in chunks:
        wire.ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: Hello"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens > 0


async def test_tools_are_called_and_their_results_read(client):
    messages = said("What is the weather?")
    first = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])
    call = first.choices[0].message.tool_calls[0]
    assert (first.choices[0].finish_reason, call.function.name) == ("tool_calls", "get_weather")
    messages += [
        first.choices[0].message.model_dump(exclude_unset=True, exclude={"annotations"}),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    second = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "The tools said: rain"


async def test_the_clients_own_json_schema_parsing_works(client):
    class City(pydantic.BaseModel):
        name: str
        people: int

    parsed = await client.chat.completions.parse(model="gpt-4o", messages=said("Paris"), response_format=City)
    assert parsed.choices[0].message.parsed == City(name="Paris", people=1)


async def test_images_are_taken(client):
    parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    completion = await client.chat.completions.create(model="gpt-4o", messages=said(parts))
    assert "with 1 image" in completion.choices[0].message.content


async def test_embeddings_come_in_the_clients_own_base64(client):
    answer = await client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=8)
    assert [len(item.embedding) for item in answer.data] == [8, 8]


async def test_azure_is_addressed_by_deployment(server):
    async with openai.AsyncAzureOpenAI(
        api_key="sk-test", azure_endpoint=server.url, api_version="2024-10-21", max_retries=0
    ) as client:
        completion = await client.chat.completions.create(model="my-deployment", messages=said("Hello"))
        assert completion.choices[0].message.content == "You said: Hello"
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model=UNKNOWN_MODEL, messages=said("Hello"))


@pytest.mark.parametrize(
    ("fields", "error", "param"),
    [
        ({"extra_body": {"unheard_of": 1}}, openai.BadRequestError, None),
        ({"temperature": "hot"}, openai.BadRequestError, "temperature"),
        ({"temperature": 3}, openai.BadRequestError, "temperature"),
        ({"model": UNKNOWN_MODEL}, openai.NotFoundError, None),
        ({"model": "o3", "max_tokens": 5}, openai.BadRequestError, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, openai.BadRequestError, "stream_options"),
        ({"tool_choice": "auto"}, openai.BadRequestError, "tool_choice"),
        ({"max_tokens": 200_000}, openai.BadRequestError, "messages"),
    ],
)
async def test_what_the_reference_does_not_allow_is_refused(client, fields, error, param):
    with pytest.raises(error) as caught:
        await client.chat.completions.create(**{"model": "gpt-4o", "messages": said("Hello"), **fields})
    assert caught.value.param == param


async def test_a_tool_call_without_its_result_is_refused(client):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [*said("Hello"), {"role": "assistant", "content": None, "tool_calls": [call]}, *said("And?")]
    with pytest.raises(openai.BadRequestError, match="call_1"):
        await client.chat.completions.create(model="gpt-4o", messages=messages)


async def test_a_wrong_key_is_refused(server):
    async with openai.AsyncOpenAI(api_key="sk-wrong", base_url=f"{server.url}/v1", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()
