"""Calls that ask the same in other words: answered with kept answers where the route says so, and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.events import CacheHit, CacheShadowed, RequestCompleted
from contracts.specs import CacheSpec, KeySpec, SemanticSpec, TenantCacheSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.cache.answers import AnswerCache
from gateway.exchange import Answer
from tests.gateway.stand import Stand, json_of, read, sandbox_target

KEPT = "How do I reset the password of my account?"
SAME = "How can I reset the password of my account?"
OTHER = "Which river is the longest in South America?"


def stand(*targets: Any, semantic: SemanticSpec | None = None, **fields: Any) -> Stand:
    cache = CacheSpec(semantic=semantic or SemanticSpec(confidence=0.5))
    return Stand(*targets, route={"cache": cache}, **fields)


async def ask(stand: Stand, text: str, **fields: Any) -> Answer:
    answer = await stand.chat(text, **fields)
    if answer.stream is not None:
        await read(answer)
    await settled(stand)
    return answer


async def settled(stand: Stand) -> None:
    await stand.pipeline._cache.alike.search.settled()


def header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


async def test_a_question_in_other_words_is_answered_with_the_kept_answer() -> None:
    kept = stand()
    first = await ask(kept, KEPT)
    answer = await ask(kept, SAME)
    assert header(answer, b"x-cache") == b"HIT"
    assert header(answer, b"x-cache-mode") == b"semantic"
    assert 0.5 < float(header(answer, b"x-cache-similarity") or 0) < 1
    assert json_of(answer)["choices"] == json_of(first)["choices"]
    hit = kept.only(CacheHit)
    assert hit.mode == "semantic"
    assert hit.confidence >= 0.5
    assert hit.saved_nanousd > 0
    ended = kept.emitter.payloads(RequestCompleted)[-1]
    assert isinstance(ended, RequestCompleted)
    assert (ended.cached, ended.cost_nanousd) == (True, 0)


async def test_an_equal_question_is_an_exact_hit() -> None:
    kept = stand()
    await ask(kept, KEPT)
    answer = await ask(kept, KEPT)
    assert header(answer, b"x-cache-mode") is None
    assert kept.only(CacheHit).mode == "exact"


async def test_a_stream_is_answered_with_a_stream_and_kept_with_its_question() -> None:
    kept = stand()
    await ask(kept, KEPT, stream=True)
    answer = await kept.chat(SAME, stream=True)
    assert header(answer, b"x-cache-mode") == b"semantic"
    assert b"[DONE]" in await read(answer)


@pytest.mark.parametrize(
    ("kept_question", "new_question"),
    [
        (KEPT, OTHER),
        ("What is the population of Chile in 2016?", "What is the population of Chile in 2017?"),
        ("How do I enable notifications in the app?", "How do I disable notifications in the app?"),
        ("Can I pay with a card in the shop?", "Can I not pay with a card in the shop?"),
        ("What is the best hotel in Paris for a family?", "What is the best hotel in London for a family?"),
    ],
    ids=["another topic", "numbers", "opposites", "negation", "names"],
)
async def test_what_differs_in_what_counts_is_not_answered(kept_question: str, new_question: str) -> None:
    kept = stand(semantic=SemanticSpec(confidence=0.01))
    await ask(kept, kept_question)
    assert header(await ask(kept, new_question), b"x-cache") == b"MISS"


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]},
        {"temperature": 0.3},
        {"max_tokens": 7},
    ],
    ids=["tools", "temperature", "length"],
)
async def test_everything_but_the_question_has_to_be_equal(fields: dict[str, Any]) -> None:
    kept = stand()
    await ask(kept, KEPT)
    assert header(await ask(kept, SAME, **fields), b"x-cache") == b"MISS"


async def test_another_system_prompt_has_answers_of_its_own() -> None:
    kept = stand()
    await ask(kept, KEPT)
    messages = [{"role": "system", "content": "Be rude."}, {"role": "user", "content": SAME}]
    answer = await kept.send("/v1/chat/completions", {"messages": messages})
    assert header(answer, b"x-cache") == b"MISS"


async def test_routes_without_it_answer_equal_calls_alone() -> None:
    kept = Stand(route={"cache": CacheSpec()})
    await ask(kept, KEPT)
    assert header(await ask(kept, SAME), b"x-cache") == b"MISS"


async def test_a_long_text_is_compared_with_none() -> None:
    kept = stand(semantic=SemanticSpec(confidence=0.01))
    await ask(kept, KEPT + " Please." * 200)
    assert header(await ask(kept, SAME + " Please." * 200), b"x-cache") == b"MISS"


async def test_tenants_never_share_an_entry() -> None:
    kept = stand()
    kept.source.tenants["tenant-2"] = TenantSpec(id="tenant-2", slug="other")
    kept.source.keys[hashlib.sha256(b"other-key").hexdigest()] = KeySpec(id="key-2", tenant_id="tenant-2")
    await ask(kept, KEPT)
    body = {"messages": [{"role": "user", "content": SAME}]}
    other = await kept.send("/v1/chat/completions", body, key="other-key")
    assert header(other, b"x-cache") == b"MISS"
    assert header(await ask(kept, SAME), b"x-cache") == b"HIT"


async def test_what_a_tenants_feedback_made_of_the_threshold_goes_before_the_routes() -> None:
    strict = TenantCacheSpec(confidence={"route-1": 1.0})
    kept = stand(tenant={"cache": strict})
    await ask(kept, KEPT)
    assert header(await ask(kept, SAME), b"x-cache") == b"MISS"


async def test_clearing_a_tenants_caches_makes_old_answers_unreachable() -> None:
    kept = stand()
    await ask(kept, KEPT)
    kept.source.tenants["tenant-1"] = TenantSpec(id="tenant-1", slug="demo", cache=TenantCacheSpec(generation=1))
    kept.pipeline.entrance._specs.invalidate_all()
    assert header(await ask(kept, KEPT), b"x-cache") == b"MISS"
    assert header(await ask(kept, SAME), b"x-cache") == b"HIT"


async def test_shadow_asks_the_provider_and_tells_what_the_kept_answer_would_have_been() -> None:
    kept = stand(
        sandbox_target(options={"reply": "Open the settings."}), semantic=SemanticSpec(confidence=0.5, shadow=True)
    )
    await ask(kept, KEPT)
    assert header(await ask(kept, SAME), b"x-cache") == b"MISS"
    told = kept.only(CacheShadowed)
    assert (told.would_hit, told.wrong) == (True, told.agreement < 0.8)
    assert told.similarity > 0.5
    assert told.saved_nanousd > 0


async def test_only_if_cached_is_served_by_a_question_in_other_words() -> None:
    kept = stand()
    await ask(kept, KEPT)
    body = {"messages": [{"role": "user", "content": SAME}]}
    answer = await kept.send("/v1/chat/completions", body, cache_control="only-if-cached")
    assert (answer.status, header(answer, b"x-cache-mode")) == (200, b"semantic")


# --- shared between workers through Redis ----------------------------------------------------------------


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[RedisWire]:
    wire = RedisWire(redis_url)
    await wire.start()
    await wire.call("FLUSHDB")
    yield wire
    await wire.stop()


def worker(wire: RedisWire, cache: CacheSpec) -> Stand:
    made = Stand(route={"cache": cache})
    made.pipeline._cache = AnswerCache(wire, emitter=made.emitter, clock=made.pipeline._clock)
    return made


async def test_workers_and_restarts_share_questions(wire: RedisWire) -> None:
    cache = CacheSpec(semantic=SemanticSpec(confidence=0.5))
    await ask(worker(wire, cache), KEPT)
    later = worker(wire, cache)
    await ask(later, OTHER)
    assert header(await ask(later, SAME), b"x-cache-mode") == b"semantic"


async def test_a_tenants_questions_are_bounded_and_the_oldest_go(wire: RedisWire) -> None:
    cache = CacheSpec(max_entries=3, semantic=SemanticSpec(confidence=0.5))
    one = worker(wire, cache)
    for text in (KEPT, OTHER, "Who painted the ceiling?", "Why is the sky blue at noon?"):
        await ask(one, text)
    [name] = await wire.call("KEYS", "*questions*")
    assert await wire.call("XLEN", name) == 3
    assert header(await ask(one, SAME), b"x-cache") == b"MISS"


async def test_an_answer_that_is_gone_is_a_miss(wire: RedisWire) -> None:
    cache = CacheSpec(semantic=SemanticSpec(confidence=0.5))
    await ask(worker(wire, cache), KEPT)
    for name in await wire.call("KEYS", "*:a:*"):
        await wire.call("DEL", name)
    later = worker(wire, cache)
    await ask(later, OTHER)
    assert header(await ask(later, SAME), b"x-cache") == b"MISS"
