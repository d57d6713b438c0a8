"""Opens and closes circuits for all workers, through what workers tell each other of them."""

from __future__ import annotations

import uuid
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from routing.engine.breaker import BreakerState
from routing.engine.breaker_store import VERSION_KEY, key_of

_TIMEOUT_S = 1.0
_CLOSED_KEPT_MS = 60_000


def open_circuit(target_id: str, *, label: str, minutes: float) -> str:
    """Have all workers send the target no calls for so long; then some probe it. What tells this opening from others.

    Raises:
        redis.RedisError: nobody could be told.
    """
    return _tell(target_id, BreakerState.OPEN, label, int(minutes * 60_000))


def close_circuit(target_id: str, *, label: str, stamp: str) -> bool:
    """Have workers close what was opened with this stamp; False where the circuit has moved since.

    Raises:
        redis.RedisError: nobody could be told.
    """
    if stamp_of(target_id) != stamp:
        return False
    _tell(target_id, BreakerState.CLOSED, label, _CLOSED_KEPT_MS)
    return True


def stamp_of(target_id: str) -> str:
    """Of the last time that the circuit moved; empty where that is over.

    Raises:
        redis.RedisError: nobody knows.
    """
    found: Any = _client(settings.REDIS_URL).hget(key_of(target_id), "stamp")
    return found.decode() if isinstance(found, bytes) else str(found or "")


def _tell(target_id: str, state: BreakerState, label: str, kept_ms: int) -> str:
    stamp = f"control:{uuid.uuid4().hex}"
    with _client(settings.REDIS_URL).pipeline(transaction=True) as pipeline:
        pipeline.hset(key_of(target_id), mapping={"state": state.value, "stamp": stamp, "target": label})
        pipeline.pexpire(key_of(target_id), kept_ms)
        pipeline.incr(VERSION_KEY)
        pipeline.execute()
    return stamp


@cache
def _client(url: str) -> redis.Redis:
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=retry)
