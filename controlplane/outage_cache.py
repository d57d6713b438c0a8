"""Django's cache in Redis; in this process's memory while Redis is out of reach.

What is kept in it is counts of attempts and notes of what was just done. Without Redis pages go on, and each process
counts by itself: somebody who guesses passwords gets as many attempts more as there are processes, not any number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

PAUSE_S = 2.0
"""After Redis did not answer it is left alone for so long: one page asks the cache many times, and somebody waits."""

TIMEOUT_S = 0.5

MAX_ENTRIES = 10_000
"""Kept in memory; beyond it some go."""

Answer = TypeVar("Answer")


class OutageCache(RedisCache):
    """What each operation does is what :class:`django.core.cache.backends.base.BaseCache` says it does."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        within = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
        super().__init__(server, {**params, "OPTIONS": {**within, **params.get("OPTIONS", {})}})
        self._memory = LocMemCache(f"outage of {server}", {**params, "OPTIONS": {"MAX_ENTRIES": MAX_ENTRIES}})
        self._paused_until = float("-inf")

    def _ask(self, redis_does: Callable[[], Answer], memory_does: Callable[[], Answer]) -> Answer:
        if time.monotonic() < self._paused_until:
            return memory_does()
        try:
            return redis_does()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self._paused_until = time.monotonic() + PAUSE_S
            logger.warning("the cache is this process's memory for %g s, as Redis cannot be asked: %s", PAUSE_S, error)
            return memory_does()

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """In Redis, or in memory."""
        asked, kept = super().add, self._memory.add
        return self._ask(lambda: asked(key, value, timeout, version), lambda: kept(key, value, timeout, version))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """From Redis, or from memory."""
        asked, kept = super().get, self._memory.get
        return self._ask(lambda: asked(key, default, version), lambda: kept(key, default, version))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """In Redis, or in memory."""
        asked, kept = super().set, self._memory.set
        self._ask(lambda: asked(key, value, timeout, version), lambda: kept(key, value, timeout, version))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """In Redis, or in memory."""
        asked, kept = super().touch, self._memory.touch
        return self._ask(lambda: asked(key, timeout, version), lambda: kept(key, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        """From Redis, or from memory."""
        asked, kept = super().delete, self._memory.delete
        return self._ask(lambda: asked(key, version), lambda: kept(key, version))

    def has_key(self, key: str, version: int | None = None) -> bool:
        """In Redis, or in memory."""
        asked, kept = super().has_key, self._memory.has_key
        return self._ask(lambda: asked(key, version), lambda: kept(key, version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """In Redis, or in memory."""
        asked, kept = super().incr, self._memory.incr
        return self._ask(lambda: asked(key, delta, version), lambda: kept(key, delta, version))

    def get_many(self, keys: Any, version: int | None = None) -> dict[str, Any]:
        """From Redis, or from memory."""
        asked, kept, listed = super().get_many, self._memory.get_many, list(keys)
        return self._ask(lambda: asked(listed, version), lambda: kept(listed, version))

    def set_many(self, data: dict[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[str]:
        """In Redis, or in memory."""
        asked, kept = super().set_many, self._memory.set_many
        return self._ask(lambda: asked(data, timeout, version), lambda: kept(data, timeout, version))

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        """From Redis, or from memory."""
        asked, kept, listed = super().delete_many, self._memory.delete_many, list(keys)
        self._ask(lambda: asked(listed, version), lambda: kept(listed, version))

    def clear(self) -> None:
        """Both."""
        self._memory.clear()
        asked = super().clear
        self._ask(asked, lambda: None)
