"""Results of tools that give the same for the same arguments, kept so that the tool need not run again.

Whoever runs tools asks here first: today the applications, over ``/v1/tools/results``. Which tools there are, and for
how long their results hold, is the tenant's to say; of all others nothing is kept.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from contracts.errors import InvalidRequest, PayloadTooLarge
from contracts.events import EventContext, ToolResultHit, ToolResultMissed, ToolResultStored
from contracts.ports import Clock, Emitter
from contracts.specs import CacheSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.cache.shelves import AnswerKey, MemoryShelf, RedisShelf

MAX_RESULT_BYTES: Final = 256 * 1024
SHELF: Final = "tools"
"""Stands where the route of kept answers stands, so that the tenant's bounds hold for both together."""
MOST_RESULTS: Final = 100_000
MEMORY_BYTES: Final = 4 * 1024 * 1024

_encode = msgspec.json.Encoder(order="sorted").encode


class ToolResult(msgspec.Struct, frozen=True, array_like=True):
    """A kept result."""

    result: Any
    stored_at_ms: int
    ends_at_ms: int


_pack = msgspec.json.Encoder().encode
_unpack = msgspec.json.Decoder(ToolResult).decode


class ToolResults:
    """One per gateway worker; without ``wire`` it keeps them in the worker's memory alone."""

    def __init__(self, wire: RedisWire | None, *, emitter: Emitter, clock: Clock) -> None:
        self._memory, self._redis = MemoryShelf(MEMORY_BYTES), RedisShelf(wire)
        self._emitter, self._clock = emitter, clock

    async def look_up(
        self, tenant: TenantSpec, tool: str, arguments: Any, *, key_id: str, context: EventContext
    ) -> ToolResult | None:
        """The kept result of the tool for these arguments.

        Raises:
            InvalidRequest: the tenant has not declared the tool.
        """
        ttl_s = _ttl_s(tenant, tool)
        key, now_ms = _key(tenant, tool, arguments), self._clock.now_ms()
        packed = self._memory.get(key, now_ms)
        if packed is None and (packed := await self._redis.get(key)) is not None:
            self._redis.touch(key, now_ms)
        found = _unpack(packed) if packed is not None else None
        # A shorter time holds for what is kept already.
        if packed is None or found is None or now_ms >= min(found.ends_at_ms, found.stored_at_ms + ttl_s * 1000):
            self._emitter.emit(ToolResultMissed(tool=tool, key_id=key_id), context)
            return None
        self._memory.put(key, packed, now_ms, found.ends_at_ms - now_ms)
        age_s = max(0.0, (now_ms - found.stored_at_ms) / 1000)
        self._emitter.emit(ToolResultHit(tool=tool, key_id=key_id, age_s=round(age_s, 3)), context)
        return found

    def keep(
        self, tenant: TenantSpec, tool: str, arguments: Any, result: Any, *, key_id: str, context: EventContext
    ) -> ToolResult:
        """Keep the result for as long as the tenant says.

        Raises:
            InvalidRequest: the tenant has not declared the tool.
            PayloadTooLarge: the result has more than :data:`MAX_RESULT_BYTES`.
        """
        ttl_s, now_ms = _ttl_s(tenant, tool), self._clock.now_ms()
        made = ToolResult(result, now_ms, now_ms + ttl_s * 1000)
        packed = _pack(made)
        if len(packed) > MAX_RESULT_BYTES:
            raise PayloadTooLarge(f"A result of a tool has at most {MAX_RESULT_BYTES} bytes.")
        key = _key(tenant, tool, arguments)
        self._memory.put(key, packed, now_ms, ttl_s * 1000)
        bounds = CacheSpec(ttl_s=ttl_s, max_entries=MOST_RESULTS, max_bytes=tenant.cache.max_bytes)
        self._redis.put(key, packed, bounds, now_ms=now_ms, ttl_ms=ttl_s * 1000, most_of_tenant=tenant.cache.max_bytes)
        stored = ToolResultStored(tool=tool, key_id=key_id, ttl_s=ttl_s, bytes=len(packed))
        self._emitter.emit(stored, context)
        return made


def _ttl_s(tenant: TenantSpec, tool: str) -> int:
    ttl_s = tenant.cache.tools.get(tool)
    if ttl_s is None:
        raise InvalidRequest(
            f"The tool '{tool}' is not declared: results of undeclared tools are not kept.", param="tool"
        )
    return ttl_s


def _key(tenant: TenantSpec, tool: str, arguments: Any) -> AnswerKey:
    digest = hashlib.sha256(_encode([1, tenant.cache.generation, tool, _plain(arguments)])).hexdigest()
    return AnswerKey(tenant.id, SHELF, digest)


def _plain(value: Any) -> Any:
    """Whole numbers written as floats, at whatever depth, are whole numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
