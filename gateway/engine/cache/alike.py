"""Kept answers to questions in other words, as the cache of answers uses them; in shadow, what they would have been."""

from __future__ import annotations

from typing import Final

import msgspec

from contracts.chat import ChatRequest, JsonObject
from contracts.events import CacheShadowed
from contracts.ports import Clock, Emitter
from contracts.specs import CacheSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.cache.entry import unpack
from gateway.engine.cache.fingerprint import fingerprint
from gateway.engine.cache.semantic.agreement import AGREES_FROM
from gateway.engine.cache.semantic.asked import question_of
from gateway.engine.cache.semantic.remembered import Entry
from gateway.engine.cache.semantic.search import QuestionSearch
from gateway.engine.cache.shelves import AnswerKey, MemoryShelf, RedisShelf
from gateway.engine.cache.use import Alike, Question, WouldBe
from gateway.engine.call import Call

TRIED: Final = 2
"""Kept questions whose answers are looked for: one that is gone is rare."""
SHADOWED_FROM: Final = 0.2
"""In shadow, what is less sure than this is not told."""


class Found(msgspec.Struct, frozen=True):
    """A kept answer to a question in other words."""

    key: AnswerKey
    packed: bytes
    source: str
    alike: Alike


class AlikeAnswers:
    """One per gateway worker."""

    def __init__(
        self, wire: RedisWire | None, *, memory: MemoryShelf, redis: RedisShelf, emitter: Emitter, clock: Clock
    ) -> None:
        self._memory, self._redis = memory, redis
        self._emitter, self._clock = emitter, clock
        self.search = QuestionSearch(wire, clock=clock)

    def take_apart(self, call: Call) -> None:
        """Note what is asked, where the route looks for other words and the call has a question to compare."""
        spec = call.route.cache
        if spec is None or spec.semantic is None or not isinstance(call.request, ChatRequest):
            return
        question = question_of(call.request)
        if question is not None:
            scope = fingerprint(call.request, call.route, scope_of(call), asked=question.rest)
            call.cache.question = Question(question.text, scope)

    async def find(self, call: Call, spec: CacheSpec, key: AnswerKey) -> Found | None:
        """The answer that serves the call; in shadow none, but the call notes what it would have been."""
        question, semantic = call.cache.question, spec.semantic
        if question is None or semantic is None:
            return None
        enough = call.tenant.cache.confidence.get(call.route.id, semantic.confidence)
        least = SHADOWED_FROM if semantic.shadow else enough
        matches = await self.search.matches(key, question.scope, question.text, spec.max_entries)
        for match in matches[:TRIED]:
            if match.confidence < least:
                return None
            kept = msgspec.structs.replace(key, digest=match.key)
            source, packed = "memory", self._memory.get(kept, self._clock.now_ms())
            if packed is None:
                source, packed = "redis", await self._redis.get(kept)
            if packed is None:
                self.search.forget(key, match.key)
                continue
            alike = Alike(match.similarity, match.confidence)
            if not semantic.shadow:
                return Found(kept, packed, source, alike)
            answer = unpack(packed)
            if answer is not None:
                call.cache.would_be = WouldBe(answer, alike, match.confidence >= enough)
            return None
        return None

    def keep(self, call: Call, spec: CacheSpec, key: AnswerKey, *, now_ms: int, ttl_s: int) -> None:
        """Remember the call's question, whose answer is kept."""
        question = call.cache.question
        if question is not None:
            entry = Entry(key.digest, question.scope, question.text, now_ms + ttl_s * 1000)
            self.search.keep(key, entry, most=spec.max_entries, ttl_ms=max(spec.ttl_s, ttl_s) * 1000)

    def compare(self, call: Call, body: JsonObject) -> None:
        """Tell, beside the calls, how the provider's answer differs from the kept one that was not given."""
        would_be, call.cache.would_be = call.cache.would_be, None
        spec = call.route.cache
        if would_be is not None and spec is not None:
            self.search.do(self._compare(call, would_be, body, spec))

    async def _compare(self, call: Call, would_be: WouldBe, body: JsonObject, spec: CacheSpec) -> None:
        agreement = await self.search.agreement(would_be.answer.body, body)
        if agreement is None:
            return
        cost = would_be.answer.cost_nanousd
        self._emitter.emit(
            CacheShadowed(
                route=call.route.name,
                key_id=call.key.id,
                similarity=round(would_be.alike.similarity, 4),
                confidence=round(would_be.alike.confidence, 4),
                would_hit=would_be.enough,
                agreement=round(agreement, 4),
                wrong=agreement < AGREES_FROM,
                saved_nanousd=None if cost is None else cost - billed(cost, spec),
            ),
            call.context,
        )


def scope_of(call: Call) -> str:
    """What the call's answer depends on besides request and route."""
    generation = call.tenant.cache.generation
    return f"{generation}:{call.cache_scope}" if generation else call.cache_scope


def billed(cost_nanousd: int, spec: CacheSpec) -> int:
    """What a hit costs, of what the answer cost, in nano-USD."""
    return (cost_nanousd * spec.hit_percent + 50) // 100
