"""The stand-in is true to Cohere: its official client works with it, and it knows the same fields."""

from __future__ import annotations

import inspect
from typing import Any

import cohere
import pytest

from tests.upstreams import cohere_schema as schema
from tests.upstreams.cohere import PLAN, UNKNOWN_MODEL, CohereUpstream
from tests.upstreams.server import UpstreamServer

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def server():
    async with UpstreamServer(CohereUpstream(key="co-test")) as started:
        yield started


@pytest.fixture
async def client(server):
    async with cohere.AsyncClientV2(api_key="co-test", base_url=server.url) as made:
        yield made


def said(text: Any) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (schema.UserMessage, cohere.UserChatMessageV2),
        (schema.SystemMessage, cohere.SystemChatMessageV2),
        (schema.AssistantMessage, cohere.AssistantChatMessageV2),
        (schema.ToolMessage, cohere.ToolChatMessageV2),
        (schema.ToolCall, cohere.ToolCallV2),
        (schema.ToolFunction, cohere.ToolV2Function),
        (schema.Tool, cohere.ToolV2),
        (schema.Document, cohere.Document),
        (schema.ImageUrl, cohere.ImageUrl),
        (schema.JsonObjectFormat, cohere.JsonObjectResponseFormatV2),
        (schema.Thinking, cohere.Thinking),
        (schema.CitationOptions, cohere.CitationOptions),
    ],
)
def test_the_fields_are_those_of_the_official_clients_types(ours, theirs):
    own = set(ours.__struct_encode_fields__)
    if ours.__struct_config__.tag_field:
        own.add(ours.__struct_config__.tag_field)
    assert own == set(theirs.model_fields)


@pytest.mark.parametrize(
    ("ours", "method"), [(schema.ChatBody, cohere.ClientV2.chat), (schema.EmbedBody, cohere.ClientV2.embed)]
)
def test_the_parameters_are_those_of_the_official_clients_methods(ours, method):
    theirs = set(inspect.signature(method).parameters) - {"self", "request_options"}
    assert set(ours.__struct_encode_fields__) - {"stream"} == theirs  # the client has a method of its own for streams


async def test_a_chat_is_answered(client):
    answer = await client.chat(model="command-a-03-2025", messages=said("Hello"))
    assert answer.message.content[0].text == "You said: Hello"
    assert answer.finish_reason == "COMPLETE"
    assert answer.usage.billed_units.input_tokens < answer.usage.tokens.input_tokens


async def test_a_stream_has_the_documented_order_of_events(client):
    events = [event async for event in client.chat_stream(model="command-a-03-2025", messages=said("Hello"))]
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message-start", "content-start"]
    assert kinds[-2:] == ["content-end", "message-end"]
    text = "".join(event.delta.message.content.text for event in events if event.type == "content-delta")
    assert text == "You said: Hello"
    assert events[-1].delta.usage.billed_units.output_tokens > 0


async def test_tools_are_planned_called_and_their_results_cited(client):
    messages = said("What is the weather?")
    first = await client.chat(model="command-a-03-2025", messages=messages, tools=[WEATHER])
    call = first.message.tool_calls[0]
    assert (first.finish_reason, first.message.tool_plan, call.function.name) == ("TOOL_CALL", PLAN, "get_weather")
    document = {"type": "document", "document": {"data": {"weather": "rain"}}}
    messages += [first.message, {"role": "tool", "tool_call_id": call.id, "content": [document]}]
    second = await client.chat(model="command-a-03-2025", messages=messages, tools=[WEATHER])
    assert "rain" in second.message.content[0].text
    assert second.message.citations[0].sources[0].type == "tool"


async def test_streamed_tool_calls_arrive_in_pieces(client):
    pieces, names = "", []
    async for event in client.chat_stream(
        model="command-a-03-2025", messages=said("What is the weather?"), tools=[WEATHER]
    ):
        if event.type == "tool-call-start":
            names.append(event.delta.message.tool_calls.function.name)
        if event.type == "tool-call-delta":
            pieces += event.delta.message.tool_calls.function.arguments
    assert (names, pieces) == (["get_weather"], '{"city":"What is the weather?"}')


async def test_embeddings_come_by_type(client):
    answer = await client.embed(
        model="embed-v4.0", texts=["one", "two"], input_type="search_query", embedding_types=["float"]
    )
    assert [len(vector) for vector in answer.embeddings.float_] == [256, 256]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"model": UNKNOWN_MODEL}, cohere.NotFoundError),
        ({"temperature": 2.0}, cohere.BadRequestError),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, cohere.BadRequestError),
        ({"tools": [WEATHER], "response_format": {"type": "json_object"}}, cohere.BadRequestError),
        (
            {"request_options": {"additional_body_parameters": {"unheard_of": 1}}},
            cohere.UnprocessableEntityError,
        ),
    ],
)
async def test_what_the_reference_does_not_allow_is_refused(client, fields, error):
    with pytest.raises(error):
        await client.chat(**{"model": "command-a-03-2025", "messages": said("Hello"), **fields})


async def test_a_wrong_key_is_refused(server):
    async with cohere.AsyncClientV2(api_key="wrong", base_url=server.url) as client:
        with pytest.raises(cohere.UnauthorizedError):
            await client.chat(model="command-a-03-2025", messages=said("Hello"))
