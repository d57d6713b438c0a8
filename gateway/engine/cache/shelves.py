"""Where packed answers lie: in the worker's memory for a moment, and in Redis for all workers.

Keys carry the tenant as hash tag: in a Redis cluster, what is kept of a tenant lies on one node.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.specs import CacheSpec
from contracts.time_limit import TimeLimit
from events.engine.redis_wire import RedisArg, RedisCommandError, RedisUnavailable, RedisWire

log = logging.getLogger(__name__)

_KEEP: Final = (Path(__file__).parent / "keep.lua").read_text(encoding="utf-8")
_UNLOCK: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

TIMEOUT_S: Final = 0.25
"""Redis answers in well under a millisecond. Whatever takes longer is no gain over asking a provider."""

MEMORY_BYTES: Final = 16 * 1024 * 1024
MEMORY_ENTRY_BYTES: Final = 64 * 1024
MEMORY_TTL_MS: Final = 30_000
"""Not for long: Redis has to learn which answers are in use, for it forgets those that are not."""


class AnswerKey(msgspec.Struct, frozen=True):
    """Names one kept answer; no two tenants have one in common, whatever the digest."""

    tenant_id: str
    route_id: str
    digest: str

    @property
    def prefix(self) -> str:
        """Of everything that is kept for this route and tenant."""
        return f"answers:{{{self.tenant_id}}}:{self.route_id}:"

    @property
    def answer(self) -> str:
        """The packed answer."""
        return f"{self.prefix}a:{self.digest}"

    @property
    def lock(self) -> str:
        """Held by the worker that is asking a provider."""
        return f"{self.prefix}l:{self.digest}"


class MemoryShelf:
    """A worker's own, bounded by bytes; the least recently used go first."""

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[AnswerKey, tuple[bytes, int]] = OrderedDict()
        self.size_bytes = 0

    def get(self, key: AnswerKey, now_ms: int) -> bytes | None:
        """The packed answer, unless its time is over."""
        found = self._entries.get(key)
        if found is None:
            return None
        packed, ends_ms = found
        if ends_ms <= now_ms:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return packed

    def put(self, key: AnswerKey, packed: bytes, now_ms: int, ttl_ms: int) -> None:
        """Keep it, unless it is large."""
        if key in self._entries:
            self._drop(key)
        if len(packed) > MEMORY_ENTRY_BYTES:
            return
        self._entries[key] = (packed, now_ms + min(ttl_ms, MEMORY_TTL_MS))
        self.size_bytes += len(packed)
        while self.size_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: AnswerKey) -> None:
        packed, _ = self._entries.pop(key)
        self.size_bytes -= len(packed)


class RedisShelf:
    """All workers' own. Nothing here raises because Redis is down: what cannot be read is not there."""

    def __init__(self, wire: RedisWire | None) -> None:
        self._wire = wire

    @property
    def available(self) -> bool:
        """Whether it is worth asking."""
        return self._wire is not None and self._wire.connected

    async def get(self, key: AnswerKey) -> bytes | None:
        """The packed answer."""
        found = await self._ask("GET", key.answer)
        return found if isinstance(found, bytes) else None

    def touch(self, key: AnswerKey, now_ms: int) -> None:
        """Note that the answer was used."""
        self._tell("ZADD", f"{key.prefix}used", "XX", "GT", now_ms, key.digest)

    def put(
        self, key: AnswerKey, packed: bytes, spec: CacheSpec, *, now_ms: int, ttl_ms: int, most_of_tenant: int
    ) -> None:
        """Keep it within the bounds of the route and of the tenant, which are bytes of all its routes."""
        self._tell(
            *("EVAL", _KEEP, 2, key.answer, f"answers:{{{key.tenant_id}}}:shelves"),
            *(key.digest, packed, ttl_ms, now_ms, spec.max_entries, spec.max_bytes, key.prefix),
            *(max(spec.ttl_s * 2_000, ttl_ms), most_of_tenant),
        )

    async def lock(self, key: AnswerKey, owner: str, lease_ms: int) -> bool:
        """Whether nobody else is asking a provider for this answer; also where Redis cannot tell."""
        return await self._ask("SET", key.lock, owner, "NX", "PX", lease_ms, absent=b"OK") is not None

    async def locked(self, key: AnswerKey) -> bool:
        """Whether somebody is asking for it."""
        return bool(await self._ask("EXISTS", key.lock))

    def unlock(self, key: AnswerKey, owner: str) -> None:
        """Let others ask, unless the lock has passed on already."""
        self._tell("EVAL", _UNLOCK, 1, key.lock, owner)

    async def _ask(self, *command: RedisArg, absent: Any = None) -> Any:
        if self._wire is None:
            return absent
        try:
            with TimeLimit(TIMEOUT_S):
                return await self._wire.call(*command)
        except TimeoutError:
            # It is not answering: until a new connection has, nobody else waits for it.
            self._wire.abandon()
        except RedisUnavailable:
            pass  # the call goes to a provider
        except RedisCommandError as error:
            log.warning("the cache in Redis: %s", error)
        return absent

    def _tell(self, *command: RedisArg) -> None:
        if self._wire is None:
            return
        try:
            self._wire.submit(_Unwatched(), *command)
        except RedisUnavailable:
            log.debug("the cache in Redis cannot be reached")


class _Unwatched:
    """Takes a reply that nobody waits for."""

    def done(self) -> bool:
        """It wants to hear of errors."""
        return False

    def set_result(self, reply: Any, /) -> None:
        """As expected."""

    def set_exception(self, error: Exception, /) -> None:
        """Errors of the connection are everybody's; others are ours."""
        if isinstance(error, RedisCommandError):
            log.warning("the cache in Redis: %s", error)


async def poll(ask: Callable[[], Any], *, pause_s: float, longest_pause_s: float) -> Any:
    """Ask with growing pauses until the answer is not None."""
    while True:
        found = await ask()
        if found is not None:
            return found
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, longest_pause_s)
