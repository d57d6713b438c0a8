"""The official `anthropic` client reads the citations of answers that rest on documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic.types import CitationsSearchResultLocation

from tests.gateway.documents import Library, passage
from tests.gateway.sdk.conftest import serving
from tests.gateway.stand import CLEAR_KEY
from tests.gateway.test_grounding import LEAVE, QUESTION, REPLY, SICK, stand

LONG = f"{SICK} " * 40
BOTH = "Staff have 25 days of leave [1]. Sick days are reported on the first day [2]."
ASKED: dict[str, Any] = {
    "model": "default",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": QUESTION}],
    "extra_body": {"mode": "rag", "retrieval": {"collections": ["handbook"]}},
}


@pytest.fixture
async def client() -> AsyncIterator[anthropic.AsyncAnthropic]:
    library = Library(passage(LEAVE), passage(LONG, 2, uri="", title="Sickness"))
    at, _ = stand(library, BOTH)
    async with serving(at) as url:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with anthropic.AsyncAnthropic(api_key=CLEAR_KEY, base_url=url, max_retries=0, http_client=http) as client:
            yield client


def assert_cited(message: anthropic.types.Message) -> None:
    [block] = message.content
    assert block.type == "text"
    assert block.text == BOTH
    first, second = block.citations or []
    assert isinstance(first, CitationsSearchResultLocation)
    assert isinstance(second, CitationsSearchResultLocation)
    assert (first.search_result_index, first.source, first.title) == (0, "https://docs.example.com/1", "Page 1")
    assert (first.cited_text, first.start_block_index, first.end_block_index) == (LEAVE, 0, 1)
    # The whole passage, not its beginning; by the owner's name where it has no address.
    assert (second.search_result_index, second.source, second.cited_text) == (1, "page-2", LONG)


async def test_a_whole_answer_has_its_citations_on_the_text(client: anthropic.AsyncAnthropic) -> None:
    assert_cited(await client.messages.create(**ASKED))


async def test_a_stream_brings_them_as_citations_delta(client: anthropic.AsyncAnthropic) -> None:
    told: list[Any] = []
    async with client.messages.stream(**ASKED) as stream:
        async for event in stream:
            if event.type == "citation":
                told.append(event.citation)
        message = await stream.get_final_message()
    assert [one.search_result_index for one in told] == [0, 1]
    assert_cited(message)


async def test_an_answer_goes_back_into_the_conversation_without_citations_that_lead_nowhere() -> None:
    at, provider = stand(Library(passage(LEAVE)), REPLY)
    async with serving(at) as url:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with anthropic.AsyncAnthropic(api_key=CLEAR_KEY, base_url=url, max_retries=0, http_client=http) as client:
            first = await client.messages.create(**ASKED)
            turns = [*ASKED["messages"], {"role": "assistant", "content": [one.to_dict() for one in first.content]}]
            turns.append({"role": "user", "content": "And sick days?"})
            await client.messages.create(**{**ASKED, "messages": turns})
    assert REPLY in str(provider.bodies[-1])
    assert "search_result_location" not in str(provider.bodies[-1])
