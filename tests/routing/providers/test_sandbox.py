"""The sandbox answers usefully, the same every time, and fails as it is told."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts import errors
from contracts.chat import ChatChunk, ChatRequest
from contracts.ports import UpstreamResponse
from contracts.specs import TargetSpec
from routing.providers.registry import adapter_for
from routing.providers.sandbox_answers import count_tokens, embedding, tokens_of
from routing.providers.sandbox_schema import sample
from routing.providers.sandbox_transport import SandboxUpstream
from tests.routing.providers.wires import chat_request, target_of

adapter = adapter_for("sandbox")


class Sleeper:
    """Notes how long it was told to sleep, and does not."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def target(**options: Any) -> TargetSpec:
    return target_of("sandbox", options=options)


async def whole(upstream: SandboxUpstream, request: ChatRequest, **options: Any) -> UpstreamResponse:
    return await upstream.send(adapter.build_chat(request, target(**options)))


async def streamed(upstream: SandboxUpstream, request: ChatRequest, **options: Any) -> list[ChatChunk]:
    parser = adapter.open_chat_stream(request, target(**options))
    async with await upstream.open(adapter.build_chat(request, target(**options))) as stream:
        if stream.status != 200:
            raise adapter.classify_error(stream.status, stream.headers, b"")
        chunks = [chunk async for piece in stream for chunk in parser.feed(piece)]
    return chunks + parser.close()


async def test_the_answer_is_the_same_every_time():
    first, second = [await whole(SandboxUpstream(), chat_request("Hello")) for _ in range(2)]
    read = [adapter.parse_chat(response.body, chat_request(), target()) for response in (first, second)]
    assert read[0].body["choices"] == read[1].body["choices"]
    assert read[0].body["id"] == read[1].body["id"]


async def test_several_choices_are_given_when_asked_for():
    response = await whole(SandboxUpstream(), chat_request("Hello", n=3))
    assert [
        choice["index"] for choice in adapter.parse_chat(response.body, chat_request(), target()).body["choices"]
    ] == [
        0,
        1,
        2,
    ]


async def test_latency_and_pace_are_as_the_options_say():
    sleeper = Sleeper()
    upstream = SandboxUpstream(sleep=sleeper)
    chunks = await streamed(upstream, chat_request("Hi", stream=True), latency_ms=200, token_interval_ms=10)
    assert sleeper.slept[0] == 0.2
    assert set(sleeper.slept[1:]) == {0.01}
    assert len(sleeper.slept) >= len(chunks)


async def test_jitter_comes_from_the_random_source_that_is_handed_in():
    sleeper = Sleeper()
    request = chat_request("Hi")
    for _ in range(2):
        upstream = SandboxUpstream(sleep=sleeper, chance=random.Random(7))
        await whole(upstream, request, latency_ms=100, latency_jitter_ms=50)
    assert sleeper.slept[0] == sleeper.slept[1]
    assert 0.1 <= sleeper.slept[0] <= 0.15


async def test_an_answer_has_exactly_the_length_that_is_set():
    response = await whole(SandboxUpstream(), chat_request("Hi"), output_tokens=57)
    result = adapter.parse_chat(response.body, chat_request(), target())
    assert result.usage is not None
    assert result.usage.output_tokens == count_tokens(result.text) == 57


async def test_a_set_reply_is_given_whatever_is_asked():
    response = await whole(SandboxUpstream(), chat_request("Hi"), reply="No comment.")
    assert adapter.parse_chat(response.body, chat_request(), target()).text == "No comment."


async def test_usage_can_be_left_out():
    chunks = await streamed(SandboxUpstream(), chat_request("Hi", stream=True), report_usage=False)
    assert not any(chunk.usage for chunk in chunks)


@given(st.floats(0.01, 1.0), st.integers(1, 60))
def test_the_failure_rate_is_met_exactly(rate: float, calls: int) -> None:
    async def failures() -> int:
        upstream = SandboxUpstream()
        answers = [await whole(upstream, chat_request("Hi"), failure_rate=rate) for _ in range(calls)]
        return sum(answer.status == 503 for answer in answers)

    assert asyncio.run(failures()) == math.floor(rate * calls)


async def test_two_sandboxes_count_their_failures_apart():
    upstream = SandboxUpstream()
    one, other = (target_of("sandbox", options={"failure_rate": 0.5}) for _ in range(2))
    other = replace(other, provider=replace(other.provider, name="other"))
    sent = [await upstream.send(adapter.build_chat(chat_request("Hi"), each)) for each in (one, other, one, other)]
    assert [response.status for response in sent] == [200, 200, 503, 503]


async def test_a_failure_has_the_status_and_delay_that_are_set():
    response = await whole(SandboxUpstream(), chat_request("Hi"), failure_rate=1, failure_status=429, retry_after_s=3)
    error = adapter.classify_error(response.status, response.headers, response.body)
    assert isinstance(error, errors.ProviderRateLimited)
    assert error.retry_after_s == 3


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ("error", errors.ProviderUnavailable),
        ("reset", errors.ProviderUnavailable),
        ("half_stream", errors.ProviderUnavailable),
        ("garbage", errors.ProviderError),
    ],
)
async def test_a_stream_fails_as_it_is_told(failure, kind):
    with pytest.raises(kind):
        await streamed(SandboxUpstream(), chat_request("Hi", stream=True), failure_rate=1, failure=failure)


async def test_a_half_stream_has_given_something_before_it_breaks():
    upstream = SandboxUpstream()
    request = chat_request("Hello you", stream=True)
    built = adapter.build_chat(request, target(failure_rate=1, failure="half_stream"))
    pieces: list[bytes] = []

    async def read() -> None:
        async with await upstream.open(built) as stream:
            async for piece in stream:
                pieces.append(piece)

    with pytest.raises(errors.ProviderUnavailable):
        await read()
    assert pieces


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hang_lasts_until_the_caller_gives_up(stream):
    request = chat_request("Hi", stream=stream)
    options = {"failure_rate": 1, "failure": "hang"}
    call = streamed(SandboxUpstream(), request, **options) if stream else whole(SandboxUpstream(), request, **options)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.02)


async def test_wrong_options_are_named():
    with pytest.raises(errors.InternalError, match="failure_rate"):
        await whole(SandboxUpstream(), chat_request("Hi"), failure_rate="often")


async def test_a_closed_stream_gives_nothing_more():
    stream = await SandboxUpstream().open(adapter.build_chat(chat_request("Hello", stream=True), target()))
    pieces = aiter(stream)
    await anext(pieces)
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


@given(st.text())
def test_tokens_make_up_the_text_again(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@given(st.text(), st.integers(1, 64))
def test_an_embedding_is_a_unit_vector(text: str, dimensions: int) -> None:
    vector = embedding(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-9)


def test_texts_that_share_words_are_close():
    def likeness(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embedding(one), embedding(other), strict=True))

    question = "how do I reset my password"
    assert likeness(question, "reset the password of an account") > likeness(question, "our office is in Paris")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "number", "minimum": 2.5}, "b": {"enum": ["x"]}}},
        {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"next": {"anyOf": [{"type": "null"},
         {"$ref": "#/$defs/n"}]}}}}},
        {"type": "array", "items": {"type": "string", "format": "date-time"}, "minItems": 3},
        {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
        {"type": "string", "minLength": 12, "maxLength": 14},
        {"type": "integer", "exclusiveMinimum": 7, "multipleOf": 5},
        {"type": ["null", "boolean"]},
        {"const": {"x": [1]}},
        {"type": "number", "maximum": -3},
    ],
)  # fmt: skip
def test_a_sample_fits_its_schema(schema):
    jsonschema.validate(sample(schema, "some words"), schema)
