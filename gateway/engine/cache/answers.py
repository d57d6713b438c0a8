"""The cache as the pipeline uses it: look up, keep, and make equal calls wait for one another."""

from __future__ import annotations

import logging
from typing import Final

from contracts.chat import ChatChunk, ChatRequest, JsonObject
from contracts.errors import NotCached
from contracts.events import CacheHit, CacheMissed, CacheStored
from contracts.ports import Clock, Emitter
from contracts.specs import CacheSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.cache.alike import AlikeAnswers, billed, scope_of
from gateway.engine.cache.directives import Directives, directives_of
from gateway.engine.cache.entry import KeptAnswer, pack, unpack
from gateway.engine.cache.fingerprint import fingerprint
from gateway.engine.cache.flights import Flights
from gateway.engine.cache.recording import Recording
from gateway.engine.cache.shelves import AnswerKey, MemoryShelf, RedisShelf
from gateway.engine.cache.time_sensitive import TTL_S, is_time_sensitive
from gateway.engine.cache.use import Alike, CacheStatus, Hit, Packed
from gateway.engine.call import Call
from gateway.formats.base import AnswerFacts

log = logging.getLogger(__name__)

ENDS_WORTH_KEEPING: Final = frozenset({"stop", "tool_calls", "function_call"})
"""Whatever else an answer ends with, it was cut off or filtered: the next call may have better luck."""

KEPT_MODES: Final = frozenset({"direct", "rag"})
MAX_WAIT_S: Final = 60.0


class AnswerCache:
    """One per gateway worker; without ``wire`` it keeps answers in the worker's memory alone."""

    def __init__(self, wire: RedisWire | None, *, emitter: Emitter, clock: Clock) -> None:
        self._emitter = emitter
        self._clock = clock
        self._memory = MemoryShelf()
        self._redis = RedisShelf(wire)
        self._shared = wire is not None
        self._flights = Flights(self._redis)
        self.alike = AlikeAnswers(wire, memory=self._memory, redis=self._redis, emitter=emitter, clock=clock)

    # --- looking up ----------------------------------------------------------------------------------

    async def look_up(self, call: Call) -> Hit | None:
        """The kept answer that serves the call, if there is one; waits for an equal call that is under way.

        Where there is none, the call's answer is going to be kept, and the call leads those that wait for it: it has to
        :meth:`pack` and :meth:`keep` its answer or to :meth:`give_up`.

        Raises:
            NotCached: the caller wants an answer from the cache or none.
        """
        directives = directives_of(call.exchange.headers.get("cache-control"))
        spec = call.route.cache
        if call.instead is not None:
            return None
        if spec is None or not isinstance(call.request, ChatRequest) or call.request.mode not in KEPT_MODES:
            self._refuse_unless_wanted(directives)
            return None
        use = call.cache
        bypassed = _bypassed(call.request, spec, directives)
        if not bypassed or bypassed == "by_request":
            digest = fingerprint(call.request, call.route, scope_of(call))
            key = AnswerKey(call.tenant_id, call.route.id, digest)
            use.time_sensitive = is_time_sensitive(call.request)
            if not directives.no_store:
                use.keep_as = key
                self.alike.take_apart(call)
            if not bypassed:
                return await self._find(call, spec, key, directives)
        use.status = CacheStatus.BYPASS
        use.told = CacheMissed(route=call.route.name, key_id=call.key.id, reason=bypassed)
        self._refuse_unless_wanted(directives)
        return None

    async def _find(self, call: Call, spec: CacheSpec, key: AnswerKey, directives: Directives) -> Hit | None:
        use = call.cache
        now_ms = self._clock.now_ms()
        source, packed = "memory", self._memory.get(key, now_ms)
        if packed is None:
            source, packed = "redis", await self._redis.get(key)
        hit = self._hit(call, spec, key, packed, source, directives)
        if hit is None and packed is None:
            hit = await self._find_alike(call, spec, key, directives)
        if hit is not None:
            return hit
        use.status = CacheStatus.MISS if packed is None else CacheStatus.STALE
        self._refuse_unless_wanted(directives)
        down = self._shared and not self._redis.available
        reason = "unavailable" if down else "absent" if packed is None else "too_old"
        use.told = CacheMissed(route=call.route.name, key_id=call.key.id, reason=reason)
        if packed is not None:
            return None
        wait_s = min(call.route.total_timeout_ms / 2_000, MAX_WAIT_S)
        use.flight, packed = await self._flights.join(key, wait_s)
        return self._hit(call, spec, key, packed, "flight", directives)

    async def _find_alike(self, call: Call, spec: CacheSpec, key: AnswerKey, directives: Directives) -> Hit | None:
        found = await self.alike.find(call, spec, key)
        if found is None:
            return None
        return self._hit(call, spec, found.key, found.packed, found.source, directives, found.alike)

    def _hit(
        self,
        call: Call,
        spec: CacheSpec,
        key: AnswerKey,
        packed: bytes | None,
        source: str,
        directives: Directives,
        alike: Alike | None = None,
    ) -> Hit | None:
        answer = unpack(packed) if packed is not None else None
        now_ms = self._clock.now_ms()
        if packed is None or answer is None or answer.ends_at_ms <= now_ms:
            return None
        age_s = max(0.0, (now_ms - answer.stored_at_ms) / 1000)
        if directives.max_age_s is not None and age_s > directives.max_age_s:
            return None
        if source == "redis":
            self._redis.touch(key, now_ms)
            self._memory.put(key, packed, now_ms, answer.ends_at_ms - now_ms)
        use, cost = call.cache, answer.cost_nanousd
        price = 0 if not spec.hit_percent else None if cost is None else billed(cost, spec)
        use.status, use.keep_as = CacheStatus.HIT, None
        use.hit = Hit(answer, age_s, price, alike)
        use.told = CacheHit(
            route=call.route.name,
            provider=answer.provider,
            model=answer.model,
            key_id=call.key.id,
            source=source,
            age_s=round(age_s, 3),
            saved_nanousd=None if cost is None or price is None else cost - price,
            billed_nanousd=price or 0,
            mode="exact" if alike is None else "semantic",
            similarity=None if alike is None else round(alike.similarity, 4),
            confidence=None if alike is None else round(alike.confidence, 4),
        )
        return use.hit

    @staticmethod
    def _refuse_unless_wanted(directives: Directives) -> None:
        if directives.only_if_cached:
            raise NotCached("No kept answer serves this request; 'only-if-cached' asks for no other.")

    def tell(self, call: Call) -> None:
        """Emit what the lookup found, once the call has begun."""
        told, call.cache.told = call.cache.told, None
        if told is not None:
            self._emitter.emit(told, call.context)

    # --- keeping -------------------------------------------------------------------------------------

    def open_recording(self, call: Call) -> None:
        """The call's answer is going to be streamed."""
        if call.cache.keep_as is not None:
            call.cache.recording = Recording()

    def record(self, call: Call, chunk: ChatChunk) -> None:
        """Take in a chunk of the stream, before it is rendered."""
        if call.cache.recording is not None:
            call.cache.recording.note(chunk)

    def keep_stream(self, call: Call, facts: AnswerFacts) -> None:
        """Keep the stream that has ended, if it is whole."""
        recording = call.cache.recording
        if recording is not None and not call.tally.cut:
            body = recording.body()
            if body is not None:
                self.pack(call, body, facts)
                self.keep(call)

    def pack(self, call: Call, body: JsonObject, facts: AnswerFacts) -> None:
        """Take down the answer as the provider gave it, if it is one that others may have.

        ``body`` is the ``chat.completion`` object before guardrails and rendering change it: they have their say with
        every hit.
        """
        use, spec = call.cache, call.route.cache
        if _whole(body):
            self.alike.compare(call, body)
        if use.keep_as is None or spec is None or call.over_budget or call.engine.fallback_used or not _whole(body):
            return
        now_ms = self._clock.now_ms()
        ttl_s = min(spec.ttl_s, TTL_S) if use.time_sensitive else spec.ttl_s
        answer = KeptAnswer(
            body={name: value for name, value in body.items() if name != "id"},
            usage=facts.usage,
            provider=facts.provider,
            model=facts.model,
            cost_nanousd=facts.cost_nanousd,
            stored_at_ms=now_ms,
            ends_at_ms=now_ms + ttl_s * 1000,
        )
        packed = pack(answer)
        if packed is None or len(packed) > spec.max_bytes:
            return
        stored = CacheStored(
            route=call.route.name,
            provider=facts.provider,
            model=facts.model,
            ttl_s=ttl_s,
            bytes=len(packed),
            time_sensitive=use.time_sensitive,
        )
        use.packed = Packed(packed, now_ms, ttl_s, stored)

    def keep(self, call: Call) -> None:
        """Keep the answer that was packed, which nothing withheld, and hand it to those who wait for it."""
        use, spec = call.cache, call.route.cache
        made = use.packed
        if made is None or use.keep_as is None or spec is None:
            return
        use.packed = None
        self._memory.put(use.keep_as, made.packed, made.now_ms, made.ttl_s * 1000)
        self._redis.put(
            use.keep_as,
            made.packed,
            spec,
            now_ms=made.now_ms,
            ttl_ms=made.ttl_s * 1000,
            most_of_tenant=call.tenant.cache.max_bytes,
        )
        self.alike.keep(call, spec, use.keep_as, now_ms=made.now_ms, ttl_s=made.ttl_s)
        if use.flight is not None:
            self._flights.land(use.flight, made.packed)
        self._emitter.emit(made.stored, call.context)

    async def stop(self) -> None:
        """End what is under way beside the calls."""
        await self.alike.search.stop()

    def give_up(self, call: Call) -> None:
        """Whoever still waits for the call's answer asks for itself. Safe to call always, and twice."""
        if call.cache.flight is not None:
            self._flights.land(call.cache.flight, None)


def _bypassed(request: ChatRequest, spec: CacheSpec, directives: Directives) -> str:
    """Why the call is not looked up; empty where it is."""
    if directives.no_cache or directives.no_store:
        return "by_request"
    if not spec.sampled and request.temperature != 0:
        return "sampled"
    return ""


def _whole(body: JsonObject) -> bool:
    choices = body.get("choices") or ()
    return bool(choices) and all(choice.get("finish_reason") in ENDS_WORTH_KEEPING for choice in choices)
