"""Specs in memory: an LRU of keys, an LRU of tenants and the one platform spec.

An entry is fresh for ``ttl_s``; in the last quarter of that time its use starts a reload in the background, so a
busy key never waits for the database. When the source cannot be reached a known entry keeps serving. An
invalidation takes effect for the next call, also against a load that was already under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from contracts.errors import ServiceUnavailable
from contracts.ports import Clock, SpecSource
from contracts.specs import KeySpec, PlatformSpec, TenantSpec

log = logging.getLogger(__name__)

T = TypeVar("T")

NEGATIVE_TTL_S = 5.0
"""How long 'there is no such key' is believed: long enough to blunt guessing, short for a key made a moment ago."""

STALE_RETRY_S = 1.0
"""While the source is down, stale entries ask it again at most this often."""

PATIENCE_S = 0.05
"""How long a call waits for the reload of a spec that has merely passed its time to live."""


class _Entry(msgspec.Struct, Generic[T]):
    value: T | None
    fresh_until: float
    refresh_from: float


class SourceState:
    """Whether the source of several maps has just been found to be down: one call finds out for all of them."""

    def __init__(self) -> None:
        self.down_until = float("-inf")
        """Until then nobody who has something else to serve asks the source."""


class SpecLru(Generic[T]):
    """One bounded map of specs with single-flight loading."""

    def __init__(
        self,
        load: Callable[[str], Awaitable[T | None]],
        *,
        size: int,
        ttl_s: float,
        clock: Clock,
        source: SourceState | None = None,
    ) -> None:
        self._load = load
        self._source = source or SourceState()
        self._size = size
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._loading: dict[str, asyncio.Task[T | None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, name: str) -> T | None:
        """The spec, loaded when it is not in memory or no longer fresh.

        Raises:
            ServiceUnavailable: not in memory and the source cannot be reached.
        """
        entry = self._entries.get(name)
        if entry is None:
            return await asyncio.shield(self._start_loading(name))
        now = self._clock.monotonic()
        if now < entry.refresh_from:
            self._entries.move_to_end(name)
            return entry.value
        if now < self._source.down_until and entry.value is not None:
            return entry.value
        loading = self._start_loading(name)
        if now < entry.fresh_until:
            loading.add_done_callback(_retrieve)
            return entry.value
        if entry.fresh_until and not await _finishes(loading, PATIENCE_S):
            # Only old, not known to be wrong, and the source hangs: serving it beats waiting.
            loading.add_done_callback(_retrieve)
            entry.fresh_until = entry.refresh_from = self._clock.monotonic() + STALE_RETRY_S
            return entry.value
        try:
            return await asyncio.shield(loading)
        except ServiceUnavailable:
            entry.fresh_until = entry.refresh_from = self._clock.monotonic() + STALE_RETRY_S
            return entry.value

    def invalidate(self, name: str) -> None:
        """Make the next :meth:`get` ask the source; the old value stays only for the case that it is down."""
        self._loading.pop(name, None)
        entry = self._entries.get(name)
        if entry is None:
            return
        if entry.value is None:
            del self._entries[name]
        else:
            entry.fresh_until = entry.refresh_from = 0.0

    def invalidate_all(self) -> None:
        """:meth:`invalidate` for every entry: invalidations may have been missed."""
        for name in list(self._entries):
            self.invalidate(name)
        self._loading.clear()

    def _start_loading(self, name: str) -> asyncio.Task[T | None]:
        task = self._loading.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load_and_keep(name))
            self._loading[name] = task
        return task

    async def _load_and_keep(self, name: str) -> T | None:
        me = asyncio.current_task()
        # What is read may be as old as this instant: counted from the answer, a revoked key could outlive its time.
        began = self._clock.monotonic()
        try:
            value = await self._load(name)
        except BaseException as error:
            if isinstance(error, ServiceUnavailable):
                self._source.down_until = self._clock.monotonic() + STALE_RETRY_S
            if self._loading.get(name) is me:
                del self._loading[name]
            raise
        if self._loading.get(name) is not me:
            # Invalidated while loading: what was read may be the state before the change.
            return await self.get(name)
        del self._loading[name]
        self._source.down_until = float("-inf")
        ttl_s = self._ttl_s if value is not None else min(NEGATIVE_TTL_S, self._ttl_s)
        self._entries[name] = _Entry(value, began + ttl_s, began + (ttl_s * 0.75 if value is not None else ttl_s))
        self._entries.move_to_end(name)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value


async def _finishes(task: asyncio.Task[T], timeout_s: float) -> bool:
    done, _ = await asyncio.wait({task}, timeout=timeout_s)
    return bool(done)


def _retrieve(task: asyncio.Task[T]) -> None:
    """Mark a background reload's failure as seen; the entry goes on serving until it is stale."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("reloading a spec failed: %s", error)


class SpecCache:
    """All specs of one gateway worker."""

    def __init__(
        self, source: SpecSource, *, clock: Clock, ttl_s: float, key_cache_size: int, tenant_cache_size: int
    ) -> None:
        async def load_platform(_: str) -> PlatformSpec | None:
            return await source.load_platform()

        state = SourceState()
        self._keys = SpecLru[KeySpec](source.load_key, size=key_cache_size, ttl_s=ttl_s, clock=clock, source=state)
        self._tenants = SpecLru[TenantSpec](
            source.load_tenant, size=tenant_cache_size, ttl_s=ttl_s, clock=clock, source=state
        )
        self._platform = SpecLru[PlatformSpec](load_platform, size=1, ttl_s=ttl_s, clock=clock, source=state)

    async def key(self, key_hash: str) -> KeySpec | None:
        """The key with this SHA-256 hex digest."""
        return await self._keys.get(key_hash)

    async def tenant(self, tenant_id: str) -> TenantSpec | None:
        """The tenant with this id."""
        return await self._tenants.get(tenant_id)

    async def platform(self) -> PlatformSpec:
        """What all tenants share."""
        platform = await self._platform.get("")
        assert platform is not None
        return platform

    def invalidate(self, *, scope: str, identifier: str = "") -> None:
        """Apply one ``config.changed`` message: ``scope`` is ``key`` (by hash), ``tenant`` (by id) or ``platform``."""
        if scope == "key":
            self._keys.invalidate(identifier)
        elif scope == "tenant":
            self._tenants.invalidate(identifier)
        elif scope == "platform":
            self._platform.invalidate_all()
        else:
            self.invalidate_all()

    def invalidate_all(self) -> None:
        """Ask the source again for everything: messages may have been missed."""
        caches: tuple[SpecLru[Any], ...] = (self._keys, self._tenants, self._platform)
        for cache in caches:
            cache.invalidate_all()
