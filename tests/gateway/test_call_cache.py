"""Calls that ask the same: what is answered from the cache, what it costs, what is told, and what is never kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import msgspec
import pytest

from contracts.events import CacheHit, CacheMissed, CacheStored, RequestCompleted
from contracts.specs import CacheSpec, KeySpec, LimitMetric, TenantCacheSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.cache.answers import AnswerCache
from gateway.exchange import Answer
from tests.gateway.doubles import limit
from tests.gateway.stand import Stand, json_of, read, sandbox_target, sse_objects

EXACT = CacheSpec()
CALLS = {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]}


def stand(*targets: Any, cache: CacheSpec = EXACT, **fields: Any) -> Stand:
    return Stand(*targets, route={"cache": cache}, **fields)


def header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


def attempts(stand: Stand) -> int:
    return stand.emitter.types().count("llm.attempt.completed")


async def test_an_equal_call_is_answered_from_the_cache_and_costs_nothing() -> None:
    kept = stand()
    first, second = await kept.chat(user="ann"), await kept.chat(user="bob", tags={"a": "b"})
    assert [header(answer, b"x-cache") for answer in (first, second)] == [b"MISS", b"HIT"]
    assert header(second, b"age") == b"0"
    assert header(first, b"age") is None
    one, other = json_of(first), json_of(second)
    assert other["choices"] == one["choices"]
    assert other["usage"] == one["usage"]
    assert other["id"] != one["id"]
    assert (one["cost"]["nanousd"] > 0, other["cost"]["nanousd"]) == (True, 0)
    assert other["provider"] == one["provider"]
    assert attempts(kept) == 1


async def test_hits_misses_and_kept_answers_are_told_with_what_was_saved() -> None:
    kept = stand()
    cost = json_of(await kept.chat())["cost"]["nanousd"]
    await kept.chat()
    assert kept.only(CacheMissed).reason == "absent"
    assert kept.only(CacheStored).ttl_s == EXACT.ttl_s
    hit = kept.only(CacheHit)
    assert (hit.source, hit.saved_nanousd, hit.billed_nanousd) == ("memory", cost, 0)
    first, second = kept.emitter.payloads(RequestCompleted)
    assert isinstance(first, RequestCompleted)
    assert isinstance(second, RequestCompleted)
    assert (first.cached, second.cached) == (False, True)
    assert (second.input_tokens, second.output_tokens, second.cost_nanousd) == (0, 0, 0)
    assert second.attempts == 0
    types = kept.emitter.types()
    assert types[-3:] == ["llm.request.started", "cache.lookup.hit", "llm.request.completed"]


async def test_a_hit_is_billed_by_the_routes_rule() -> None:
    kept = stand(cache=CacheSpec(hit_percent=10))
    cost = json_of(await kept.chat())["cost"]["nanousd"]
    assert json_of(await kept.chat())["cost"]["nanousd"] == round(cost / 10)
    assert kept.only(CacheHit).saved_nanousd == cost - round(cost / 10)


async def test_routes_keep_no_answers_unless_they_are_told_to() -> None:
    plain = Stand()
    answers = [await plain.chat(), await plain.chat()]
    assert [header(answer, b"x-cache") for answer in answers] == [None, None]
    assert attempts(plain) == 2


async def test_a_kept_answer_is_streamed_where_a_stream_is_asked_for() -> None:
    kept = stand(sandbox_target(options={"output_tokens": 60}))
    whole = json_of(await kept.chat())
    options = {"include_usage": True}
    answer = await kept.chat(stream=True, stream_options=options)
    assert header(answer, b"x-cache") == b"HIT"
    *chunks, done = sse_objects(await read(answer))
    assert done == "[DONE]"
    texts = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(texts) == whole["output_text"]
    assert sum(bool(text) for text in texts) > 1
    assert chunks[-1]["usage"]["total_tokens"] == whole["usage"]["total_tokens"]
    assert chunks[-1]["cost"]["nanousd"] == 0
    assert attempts(kept) == 1


async def test_a_stream_is_kept_once_it_has_ended() -> None:
    kept = stand()
    streamed = await kept.chat(stream=True)
    *chunks, _ = sse_objects(await read(streamed))
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    whole = await kept.chat()
    assert header(whole, b"x-cache") == b"HIT"
    assert json_of(whole)["output_text"] == text
    *again, _ = sse_objects(await read(await kept.chat(stream=True)))
    assert not any(chunk.get("usage") for chunk in again[:-1])


async def test_other_wire_formats_share_kept_answers() -> None:
    kept = stand()
    await kept.chat(max_tokens=50)
    body = {"messages": [{"role": "user", "content": "Hello"}], "model": "default", "max_tokens": 50}
    answer = await kept.send("/v1/messages", body)
    assert answer.status == 200
    assert header(answer, b"x-cache") == b"HIT"
    assert json_of(answer)["content"][0]["text"]


@pytest.mark.parametrize(
    "options",
    [
        {"failure_rate": 1, "failure": "half_stream", "output_tokens": 50},
        {"output_tokens": 500},
    ],
    ids=["broken off", "cut at its cap"],
)
async def test_a_stream_that_is_not_whole_is_not_kept(options: dict[str, Any]) -> None:
    kept = stand(sandbox_target(options=options))
    fields: dict[str, Any] = {"stream": True, "budget": {"max_tokens": 5}}
    await read(await kept.chat(**fields))
    assert kept.emitter.payloads(CacheStored) == []
    await read(await kept.chat(**fields))
    assert kept.emitter.payloads(CacheHit) == []


async def test_a_stream_whose_caller_leaves_is_not_kept() -> None:
    kept = stand(sandbox_target(options={"output_tokens": 50}))
    answer = await kept.chat(stream=True)
    assert answer.stream is not None
    await anext(answer.stream)
    await answer.stream.aclose()
    assert kept.emitter.payloads(CacheStored) == []
    assert header(await kept.chat(), b"x-cache") == b"MISS"


@pytest.mark.parametrize(
    ("control", "statuses", "kept_after"),
    [("no-cache", b"BYPASS", 2), ("no-store", b"BYPASS", 1), ("max-age=600", b"HIT", 1)],
)
async def test_callers_say_whether_a_kept_answer_will_do(control: str, statuses: bytes, kept_after: int) -> None:
    kept = stand()
    await kept.chat()
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    answer = await kept.send("/v1/chat/completions", body, cache_control=control)
    assert header(answer, b"x-cache") == statuses
    assert len(kept.emitter.payloads(CacheStored)) == kept_after


@pytest.mark.parametrize("cache", [EXACT, None])
async def test_only_if_cached_asks_no_provider(cache: CacheSpec | None) -> None:
    kept = Stand(route={"cache": cache})
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    answer = await kept.send("/v1/chat/completions", body, cache_control="only-if-cached")
    assert answer.status == 504
    assert json_of(answer)["error"]["code"] == "NOT_CACHED"
    assert attempts(kept) == 0
    await kept.chat()
    again = await kept.send("/v1/chat/completions", body, cache_control="only-if-cached")
    assert again.status == (200 if cache else 504)


async def test_a_prompt_about_the_present_is_kept_for_a_short_time() -> None:
    kept = stand()
    await kept.chat("What is the weather today?")
    stored = kept.only(CacheStored)
    assert (stored.ttl_s, stored.time_sensitive) == (60, True)


async def test_a_route_may_keep_only_what_is_not_sampled() -> None:
    kept = stand(cache=CacheSpec(sampled=False))
    assert header(await kept.chat(), b"x-cache") == b"BYPASS"
    assert header(await kept.chat(temperature=0.7), b"x-cache") == b"BYPASS"
    assert header(await kept.chat(temperature=0), b"x-cache") == b"MISS"
    assert header(await kept.chat(temperature=0.0), b"x-cache") == b"HIT"


async def test_clearing_a_routes_cache_makes_old_answers_unreachable() -> None:
    kept = stand()
    await kept.chat()
    kept.source.platform = Stand(route={"cache": CacheSpec(generation=1)}).source.platform
    kept.pipeline.entrance._specs.invalidate_all()
    assert header(await kept.chat(), b"x-cache") == b"MISS"


async def test_tenants_never_share_an_answer() -> None:
    kept = stand()
    kept.source.tenants["tenant-2"] = TenantSpec(id="tenant-2", slug="other")
    kept.source.keys[_digest("other-key")] = KeySpec(id="key-2", tenant_id="tenant-2")
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    answers = [
        await kept.send("/v1/chat/completions", body, key=key)
        for key in ("local-dev", "other-key", "local-dev", "other-key")
    ]
    assert [header(answer, b"x-cache") for answer in answers] == [b"MISS", b"MISS", b"HIT", b"HIT"]
    assert attempts(kept) == 2


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


async def test_equal_calls_at_once_ask_the_provider_once() -> None:
    kept = stand(sandbox_target(options={"latency_ms": 50}))
    answers = await asyncio.gather(*(kept.chat() for _ in range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    assert attempts(kept) == 1
    assert len({json_of(answer)["output_text"] for answer in answers}) == 1
    assert {hit.source for hit in kept.emitter.payloads(CacheHit) if isinstance(hit, CacheHit)} == {"flight"}


async def test_followers_of_a_stream_get_it_as_their_own_stream() -> None:
    kept = stand(sandbox_target(options={"latency_ms": 30}))
    leader = asyncio.create_task(_streamed(kept))
    followers = [asyncio.create_task(_streamed(kept)) for _ in range(3)]
    texts = await asyncio.gather(leader, *followers)
    assert len(set(texts)) == 1
    assert texts[0]
    assert attempts(kept) == 1


async def _streamed(kept: Stand) -> str:
    *chunks, done = sse_objects(await read(await kept.chat(stream=True)))
    assert done == "[DONE]"
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


async def test_followers_ask_for_themselves_when_the_first_call_fails() -> None:
    kept = stand(sandbox_target(options={"failure_rate": 1, "latency_ms": 20}))
    answers = await asyncio.gather(*(kept.chat() for _ in range(3)))
    assert {answer.status for answer in answers} == {503}
    assert kept.emitter.payloads(CacheHit) == []
    assert kept.emitter.types().count("llm.request.failed") == 3


async def test_a_hit_counts_as_a_request_but_not_its_tokens() -> None:
    limits = (limit(2, LimitMetric.REQUESTS), limit(4_000, LimitMetric.TOKENS, name="tokens"))
    kept = stand(limits=limits)
    await kept.chat()
    second, third = await kept.chat(), await kept.chat()
    assert header(second, b"x-cache") == b"HIT"
    assert header(second, b"x-ratelimit-remaining-requests") == b"0"
    assert third.status == 429
    assert json_of(third)["error"]["details"]["metric"] == "requests"


async def test_repetitive_traffic_is_answered_from_the_cache_for_the_most_part() -> None:
    kept = stand()
    prompts = Random(1).choices(range(1, 1_001), weights=[rank**-1.2 for rank in range(1, 1_001)], k=2_000)
    answers = [await kept.chat(f"question {number}") for number in prompts]
    hits = sum(header(answer, b"x-cache") == b"HIT" for answer in answers)
    assert hits == len(prompts) - len(set(prompts))
    assert hits / len(prompts) >= 0.7


# --- shared between workers through Redis ----------------------------------------------------------------


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[RedisWire]:
    wire = RedisWire(redis_url)
    await wire.start()
    await wire.call("FLUSHDB")
    yield wire
    await wire.stop()


def worker(wire: RedisWire, *targets: Any, cache: CacheSpec = EXACT, route_id: str = "", **fields: Any) -> Stand:
    made = stand(*targets, cache=cache, **fields)
    if route_id:
        route = msgspec.structs.replace(made.route, id=route_id)
        made.source.platform = msgspec.structs.replace(made.source.platform, routes=(route,))
    made.pipeline._cache = AnswerCache(wire, emitter=made.emitter, clock=made.pipeline._clock)
    return made


async def test_workers_share_what_they_keep(wire: RedisWire) -> None:
    one, other = worker(wire), worker(wire)
    first = await one.chat()
    second = await other.chat()
    assert header(second, b"x-cache") == b"HIT"
    assert json_of(second)["output_text"] == json_of(first)["output_text"]
    assert other.only(CacheHit).source == "redis"
    assert attempts(other) == 0


async def test_workers_wait_for_one_another(wire: RedisWire) -> None:
    workers = [worker(wire, sandbox_target(options={"latency_ms": 80})) for _ in range(3)]
    answers = await asyncio.gather(*(one.chat() for one in workers for _ in range(3)))
    assert {answer.status for answer in answers} == {200}
    assert sum(attempts(one) for one in workers) == 1


async def test_the_oldest_answers_go_when_a_route_has_too_many(wire: RedisWire) -> None:
    one = worker(wire, cache=CacheSpec(max_entries=2))
    for prompt in ("a", "b", "c"):
        await one.chat(prompt)
        await asyncio.sleep(0.002)  # uses are told apart by the millisecond
    later = worker(wire, cache=CacheSpec(max_entries=2))
    found = [header(await later.chat(prompt), b"x-cache") for prompt in ("c", "b", "a")]
    assert found == [b"HIT", b"HIT", b"MISS"]


async def test_a_route_keeps_no_more_bytes_than_it_may(wire: RedisWire) -> None:
    cache = CacheSpec(max_bytes=2_000)
    one = worker(wire, sandbox_target(options={"output_tokens": 100}), cache=cache)
    for number in range(10):
        await one.chat(f"prompt {number}")
    keys = await wire.call("KEYS", "answers:*")
    sizes = [await wire.call("STRLEN", key) for key in keys if b":a:" in key]
    [total] = [key for key in keys if key.endswith(b":bytes")]
    assert int(await wire.call("GET", total)) == sum(sizes) <= 2_000
    assert len(sizes) >= 1


async def test_all_routes_of_a_tenant_together_keep_no_more_than_it_may(wire: RedisWire) -> None:
    long = {"output_tokens": 100}
    tenant = {"cache": TenantCacheSpec(max_bytes=2_000)}
    one = worker(wire, sandbox_target(options=long), tenant=tenant)
    other = worker(wire, sandbox_target(options=long), tenant=tenant, route_id="route-2")
    for number in range(5):
        await one.chat(f"prompt {number}")
        await other.chat(f"prompt {number}")
        await asyncio.sleep(0.002)  # uses are told apart by the millisecond
    keys = [key for key in await wire.call("KEYS", "answers:*") if b":a:" in key]
    assert sum([await wire.call("STRLEN", key) for key in keys]) <= 2_000
    assert {key.split(b":")[2] for key in keys} == {b"route-1", b"route-2"}


async def test_without_redis_calls_are_answered_all_the_same() -> None:
    down = RedisWire("redis://127.0.0.1:1")
    kept = worker(down)
    first = await kept.chat()
    assert (first.status, header(first, b"x-cache")) == (200, b"MISS")
    assert kept.only(CacheMissed).reason == "unavailable"
    assert header(await kept.chat(), b"x-cache") == b"HIT"
