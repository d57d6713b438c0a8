"""The cache's parts alone: what makes requests equal, what callers ask of it, streams taken apart and put together."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chat import ChatChunk, JsonObject, Usage
from contracts.specs import CacheSpec, RouteSpec
from gateway.engine.cache.directives import Directives, directives_of
from gateway.engine.cache.entry import COMPRESSED_FROM, KeptAnswer, pack, unpack
from gateway.engine.cache.fingerprint import fingerprint
from gateway.engine.cache.recording import Recording, chunks_of
from gateway.engine.cache.shelves import MEMORY_ENTRY_BYTES, AnswerKey, MemoryShelf
from gateway.engine.cache.time_sensitive import is_time_sensitive
from gateway.formats.openai import OpenAIChatFormat
from tests.gateway.stand import sandbox_target

ROUTE = RouteSpec(id="route-1", name="default", targets=(sandbox_target(),), cache=CacheSpec())


def digest(route: RouteSpec = ROUTE, scope: str = "", **fields: Any) -> str:
    body = {"messages": [{"role": "user", "content": "Hello"}], **fields}
    return fingerprint(OpenAIChatFormat().parse(body), route, scope)


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "ann"},
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"tags": {"team": "red"}},
        {"metadata": {"a": "b"}},
        {"priority": "batch"},
        {"temperature": None},
    ],
)
def test_who_asks_and_how_it_is_delivered_makes_no_difference(fields: JsonObject) -> None:
    assert digest(**fields) == digest()


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "hello"}]},
        {"messages": [{"role": "system", "content": "Hello"}]},
        {"temperature": 0},
        {"seed": 1},
        {"max_tokens": 5},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"a_field_nobody_knows": 1},
    ],
)
def test_whatever_may_change_the_answer_makes_a_difference(fields: JsonObject) -> None:
    assert digest(**fields) != digest()


def test_order_and_the_way_whole_numbers_are_written_make_no_difference() -> None:
    assert digest(temperature=1, seed=2) == digest(seed=2, temperature=1.0)


def test_another_configuration_policy_or_generation_is_another_answer() -> None:
    other_target = msgspec.structs.replace(ROUTE, targets=(sandbox_target("large"),))
    cleared = msgspec.structs.replace(ROUTE, cache=CacheSpec(generation=1))
    found = {digest(), digest(other_target), digest(cleared), digest(scope="policy-1:2"), digest(scope="policy-1:3")}
    assert len(found) == 5


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Directives()),
        ("private", Directives()),
        ("no-cache", Directives(no_cache=True)),
        ("No-Store , no-cache", Directives(no_cache=True, no_store=True)),
        ("only-if-cached, max-age=60", Directives(only_if_cached=True, max_age_s=60)),
        ('max-age="5"', Directives(max_age_s=5)),
        ("max-age=0", Directives(no_cache=True, max_age_s=0)),
        ("max-age=soon", Directives(no_cache=True, max_age_s=0)),
    ],
)
def test_cache_control_is_read_as_the_rfc_says(header: str | None, expected: Directives) -> None:
    assert directives_of(header) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "What's the weather today?",
        "Wie ist das Wetter heute?",
        "bitcoin price",
        "¿Qué hora es?",
        "今天的新闻",
        "오늘 날씨",
    ],
)
def test_prompts_about_the_present_are_told(prompt: str) -> None:
    assert is_time_sensitive(OpenAIChatFormat().parse({"messages": [{"role": "user", "content": prompt}]}))


@pytest.mark.parametrize("prompt", ["Translate 'snow' into French", "What is a monad?", "Priceless paintings"])
def test_prompts_about_other_things_are_not(prompt: str) -> None:
    assert not is_time_sensitive(OpenAIChatFormat().parse({"messages": [{"role": "user", "content": prompt}]}))


def test_only_the_users_last_message_tells_of_the_present() -> None:
    messages = [{"role": "system", "content": "Today is Monday."}, {"role": "user", "content": "What is a monad?"}]
    assert not is_time_sensitive(OpenAIChatFormat().parse({"messages": messages}))


def kept(text: str) -> KeptAnswer:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    return KeptAnswer(body, Usage(input_tokens=1, output_tokens=2), "p", "m", 5, 1, 2)


@pytest.mark.parametrize("length", [1, COMPRESSED_FROM * 4])
def test_an_answer_comes_back_as_it_was_kept(length: int) -> None:
    answer = kept("ä" * length)
    packed = pack(answer)
    assert packed is not None
    assert unpack(packed) == answer
    assert len(packed) < COMPRESSED_FROM


def test_damaged_and_foreign_bytes_are_no_answer() -> None:
    assert unpack(b"zgarbage") is None
    assert unpack(b"p\x90") is None
    assert unpack(b"") is None


def test_a_workers_memory_is_bounded_and_forgets_what_was_not_used() -> None:
    shelf = MemoryShelf(max_bytes=30)
    keys = [AnswerKey("t", "r", str(number)) for number in range(4)]
    for key in keys[:3]:
        shelf.put(key, b"0123456789", 0, 1_000)
    assert shelf.get(keys[0], 1) == b"0123456789"
    shelf.put(keys[3], b"0123456789", 1, 1_000)
    assert [shelf.get(key, 2) is not None for key in keys] == [True, False, True, True]
    assert shelf.get(keys[0], 1_000) is None
    shelf.put(keys[1], b"x" * (MEMORY_ENTRY_BYTES + 1), 2, 1_000)
    assert shelf.get(keys[1], 2) is None


def test_keys_of_two_tenants_differ_whatever_the_digest() -> None:
    mine, yours = AnswerKey("mine", "route", "d"), AnswerKey("yours", "route", "d")
    assert mine.answer != yours.answer
    shelf = MemoryShelf()
    shelf.put(mine, b"secret", 0, 1_000)
    assert shelf.get(yours, 1) is None


_texts = st.text(max_size=200)
_calls = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(min_size=1, max_size=5),
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": st.text(min_size=1, max_size=5), "arguments": _texts}),
        }
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(_texts, min_size=1, max_size=3), reasoning=_texts, calls=_calls)
def test_an_answer_that_is_streamed_and_recorded_again_is_the_same(
    texts: list[str], reasoning: str, calls: list[JsonObject]
) -> None:
    choices = []
    for index, text in enumerate(texts):
        message: JsonObject = {"role": "assistant", "content": text or None}
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = calls
        choices.append({"index": index, "message": message, "finish_reason": "stop"})
    recording = Recording()
    for chunk in chunks_of({"created": 1, "model": "m", "choices": choices}):
        recording.note(chunk)
    assert recording.body() == {"created": 1, "model": "m", "choices": choices}


def test_a_stream_with_what_nobody_knows_is_not_kept() -> None:
    recording = Recording()
    recording.note(ChatChunk({"choices": [{"index": 0, "delta": {"audio": {"data": "x"}}}]}))
    assert recording.body() is None
