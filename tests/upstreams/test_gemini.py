"""The emulator is true to Gemini: Google's official client works with it, and it knows the same fields."""

from __future__ import annotations

from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from pydantic.alias_generators import to_camel

from tests.upstreams import gemini_schema as schema
from tests.upstreams.gemini import GeminiUpstream
from tests.upstreams.server import RateLimited, UpstreamServer

MODEL = "gemini-2.5-flash"
WEATHER = types.FunctionDeclaration(
    name="get_weather",
    parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}},
)


@pytest.fixture
async def server():
    async with UpstreamServer(GeminiUpstream(api_key="sk-test")) as started:
        yield started


@pytest.fixture
def client(server) -> Any:
    return genai.Client(api_key="sk-test", http_options=types.HttpOptions(base_url=server.url)).aio


@pytest.mark.parametrize(
    ("ours", "theirs", "beyond"),
    [
        (schema.Part, types.Part, set()),
        (schema.Blob, types.Blob, set()),
        (schema.FileData, types.FileData, set()),
        (schema.FunctionCall, types.FunctionCall, set()),
        (schema.FunctionResponse, types.FunctionResponse, set()),
        (schema.FunctionDeclaration, types.FunctionDeclaration, set()),
        (schema.FunctionCallingConfig, types.FunctionCallingConfig, set()),
        (schema.GenerationConfig, types.GenerationConfig, set()),
        (schema.ThinkingConfig, types.ThinkingConfig, set()),
        (schema.EmbedRequest, types.EmbedContentConfig, {"content", "model"}),
    ],
)
def test_fields_are_those_of_the_published_client(ours: Any, theirs: Any, beyond: set[str]):
    published = {to_camel(name) for name in theirs.model_fields}

    assert set(ours.__struct_encode_fields__) - published <= beyond


async def test_a_text_is_answered(client):
    answer = await client.models.generate_content(model=MODEL, contents="Hi there")

    assert answer.text == "You said: Hi there"
    assert answer.usage_metadata.candidates_token_count == 4


async def test_functions_are_called(client):
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[WEATHER])])

    answer = await client.models.generate_content(model=MODEL, contents="Weather?", config=config)

    assert answer.function_calls[0].args == {"city": "text"}


async def test_a_stream_adds_up(client):
    stream = await client.models.generate_content_stream(model=MODEL, contents="Hi there")

    assert "".join([piece.text or "" async for piece in stream]) == "You said: Hi there"


async def test_texts_are_embedded(client):
    answer = await client.models.embed_content(
        model="gemini-embedding-001", contents=["a", "b"], config=types.EmbedContentConfig(output_dimensionality=4)
    )

    assert [len(one.values) for one in answer.embeddings] == [4, 4]


async def test_a_wrong_key_an_unknown_model_and_a_limit_are_their_errors(server, client):
    wrong = genai.Client(api_key="other", http_options=types.HttpOptions(base_url=server.url)).aio
    with pytest.raises(errors.ClientError, match="API key not valid"):
        await wrong.models.generate_content(model=MODEL, contents="x")
    with pytest.raises(errors.ClientError, match="NOT_FOUND"):
        await client.models.generate_content(model="gpt-4o", contents="x")
    server.fail(RateLimited())
    with pytest.raises(errors.ClientError, match="RESOURCE_EXHAUSTED"):
        await client.models.generate_content(model=MODEL, contents="x")
