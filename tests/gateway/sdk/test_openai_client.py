"""The official OpenAI client, unmodified, against every provider kind."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, cast

import openai
import pytest
from pydantic import BaseModel

from tests.gateway.documents import Library, passage
from tests.gateway.sdk.conftest import Served, serving
from tests.gateway.stand import CLEAR_KEY, Stand, sandbox_target
from tests.upstreams.server import Garbage, HalfStream, Hang, RateLimited, Refusal, Reset

PIXEL = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


HI: Any = [{"role": "user", "content": "Hi"}]


class Person(BaseModel):
    """What the structured-output tests ask for."""

    name: str
    age: int


def client_of(served: Served, **options: Any) -> openai.AsyncOpenAI:
    # Nothing here is encrypted, and reading all authorities' certificates takes longer than most tests.
    http = openai.DefaultAsyncHttpxClient(verify=False)
    return openai.AsyncOpenAI(
        api_key=CLEAR_KEY, base_url=f"{served.url}/v1", max_retries=0, http_client=http, **options
    )


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(served) as client:
        yield client


@pytest.fixture
async def remote_client(remote: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(remote) as client:
        yield client


async def test_chat(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.create(
        model=served.chat_model,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}],
        max_completion_tokens=50,
    )
    assert "Hello" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    extra = cast("dict[str, Any]", answer.model_extra)
    assert extra["output_text"] == answer.choices[0].message.content
    assert extra["cost"]["nanousd"] > 0
    assert extra["provider"] == served.kind


async def test_chat_without_a_model_takes_the_default_route(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.create(
        model=cast("Any", None), messages=[{"role": "user", "content": "Hello"}], extra_body={"mode": "direct"}
    )
    assert cast("dict[str, Any]", answer.model_extra)["route"] == "default"


async def test_streaming(client: openai.AsyncOpenAI, served: Served) -> None:
    stream = await client.chat.completions.create(
        model=served.chat_model,
        messages=[{"role": "user", "content": "Hello there"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Hello" in text
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


async def test_the_streaming_helper_gives_the_whole_answer(client: openai.AsyncOpenAI, served: Served) -> None:
    async with client.chat.completions.stream(
        model=served.chat_model, messages=[{"role": "user", "content": "Hello there"}]
    ) as stream:
        kinds = [event.type async for event in stream]
        completion = await stream.get_final_completion()
    assert "content.delta" in kinds
    assert "Hello" in (completion.choices[0].message.content or "")


async def test_tools_and_their_results(client: openai.AsyncOpenAI, served: Served) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    asked = await client.chat.completions.create(
        model=served.chat_model, messages=messages, tools=[WEATHER], tool_choice="required"
    )
    [call] = asked.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert asked.choices[0].finish_reason == "tool_calls"
    messages += [
        asked.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 degrees"},
    ]
    told = await client.chat.completions.create(model=served.chat_model, messages=messages, tools=[WEATHER])
    assert "Sunny" in (told.choices[0].message.content or "")


async def test_streamed_tool_calls(client: openai.AsyncOpenAI, served: Served) -> None:
    async with client.chat.completions.stream(
        model=served.chat_model,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    ) as stream:
        completion = await stream.get_final_completion()
    [call] = completion.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    assert call.function.arguments.startswith("{")
    assert call.id


async def test_json_schema_output(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.parse(
        model=served.chat_model, messages=[{"role": "user", "content": "Who is Ada?"}], response_format=Person
    )
    assert isinstance(answer.choices[0].message.parsed, Person)


async def test_images_as_data_uri_and_as_url(client: openai.AsyncOpenAI, served: Served) -> None:
    def asking(url: str) -> Any:
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
        return [{"role": "user", "content": parts}]

    answer = await client.chat.completions.create(
        model=served.chat_model, messages=asking(f"data:image/png;base64,{PIXEL}")
    )
    assert answer.choices[0].message.content
    answer = await client.chat.completions.create(
        model=served.chat_model, messages=asking("https://example.com/cat.png")
    )
    assert answer.choices[0].message.content


async def test_embeddings(embedder: Served) -> None:
    async with openai.AsyncOpenAI(api_key=CLEAR_KEY, base_url=f"{embedder.url}/v1", max_retries=0) as client:
        answer = await client.embeddings.create(model=embedder.embedding_model, input=["one", "two"])
        plain = await client.embeddings.create(
            model=embedder.embedding_model, input=["one", "two"], encoding_format="float"
        )
    assert [item.index for item in answer.data] == [0, 1]
    assert answer.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-5)
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens > 0


async def test_models(client: openai.AsyncOpenAI, served: Served) -> None:
    names = {model.id async for model in client.models.list()}
    assert {"default", served.chat_model} <= names
    assert (await client.models.retrieve(served.chat_model)).id == served.chat_model


async def test_a_wrong_key_is_an_authentication_error(served: Served) -> None:
    async with openai.AsyncOpenAI(api_key="wrong", base_url=f"{served.url}/v1", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.chat.completions.create(model="x", messages=[{"role": "user", "content": "Hi"}])
    assert refused.value.code == "INVALID_API_KEY"
    assert refused.value.request_id


async def test_an_unknown_model_is_not_found(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "Hi"}])
    assert refused.value.code == "MODEL_NOT_FOUND"


async def test_a_malformed_request_names_the_field(client: openai.AsyncOpenAI, served: Served) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(
            model=served.chat_model, messages=[{"role": "user", "content": "Hi"}], temperature=7
        )
    assert refused.value.param == "temperature"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (RateLimited("1"), openai.RateLimitError),
        (Refusal(500), openai.InternalServerError),
        (Refusal(401), openai.InternalServerError),
        (Reset(), openai.InternalServerError),
        (Garbage(), openai.InternalServerError),
    ],
    ids=["429", "500", "401", "reset", "garbage"],
)
async def test_what_a_provider_does_wrong_is_the_clients_own_error_class(
    remote_client: openai.AsyncOpenAI, remote: Served, fault: Any, error: type[openai.APIStatusError]
) -> None:
    remote.server.fail(fault, times=None)
    with pytest.raises(error) as failed:
        await remote_client.chat.completions.create(
            model=remote.chat_model, messages=[{"role": "user", "content": "Hi"}]
        )
    body = cast("dict[str, Any]", failed.value.body)
    assert body["correlation_id"].startswith("req_")
    assert "provider-secret" not in str(body)


async def test_a_provider_that_hangs_is_a_timeout(impatient: Served) -> None:
    impatient.server.fail(Hang(), times=None)
    async with client_of(impatient) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(
                model=impatient.chat_model, messages=[{"role": "user", "content": "Hi"}]
            )
    assert failed.value.status_code == 504


async def test_a_client_that_gives_up_lets_the_provider_go(remote: Served) -> None:
    remote.server.fail(Hang(), times=None)
    async with client_of(remote, timeout=0.3) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model=remote.chat_model, messages=[{"role": "user", "content": "Hi"}])
    await remote.server.until(lambda server: server.requests[-1].disconnected)


async def test_a_stream_that_breaks_off_raises_in_the_client(remote_client: openai.AsyncOpenAI, remote: Served) -> None:
    # Text comes at another piece in each provider's stream: enough of them that some of it was relayed.
    remote.server.fail(HalfStream(pieces=5), times=None)

    async def read() -> None:
        stream = await remote_client.chat.completions.create(
            model=remote.chat_model,
            messages=[{"role": "user", "content": "Please say this long sentence back to me, word by word"}],
            stream=True,
        )
        _ = [chunk async for chunk in stream]

    with pytest.raises(openai.APIError):
        await read()


async def test_the_synchronous_client_works_too(served: Served) -> None:
    def call() -> str:
        with openai.OpenAI(api_key=CLEAR_KEY, base_url=f"{served.url}/v1", max_retries=0) as client:
            answer = client.chat.completions.create(
                model=served.chat_model, messages=[{"role": "user", "content": "Hello there"}]
            )
            return answer.choices[0].message.content or ""

    assert "Hello" in await asyncio.to_thread(call)


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_from_documents_comes_with_its_citations(streamed: bool) -> None:
    library = Library(passage("Staff have 25 days of leave."))
    target = sandbox_target(options={"reply": "Staff have 25 days of leave [1]."})
    stand = Stand(target, retrieval=library.parts)
    asked: Any = {
        "model": "default",
        "messages": [{"role": "user", "content": "How many days?"}],
        "extra_body": {"mode": "rag", "retrieval": {"collections": ["handbook"]}},
    }
    async with serving(stand) as url, client_of(Served("sandbox", url, stand, None)) as client:
        if streamed:
            stream = await client.chat.completions.create(stream=True, **asked)
            chunks = [chunk async for chunk in stream]
            said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            told: Any = chunks[-1]
        else:
            told = await client.chat.completions.create(**asked)
            said = told.choices[0].message.content
            [annotation] = told.choices[0].message.annotations
            assert annotation.url_citation.url == "https://docs.example.com/1"
    assert said == "Staff have 25 days of leave [1]."
    assert [one["document_id"] for one in told.citations] == ["document-1"]
    assert told.grounding["risk"] < 0.5
