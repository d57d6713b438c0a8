"""Names on Redis pub/sub, which unlike keys are not kept apart by database numbers."""

from __future__ import annotations

from redis.asyncio.connection import parse_url


def channel(name: str, redis_url: str) -> str:
    """``name`` as it is published and subscribed to by who uses this address.

    It carries the database's number, so that installations which share a server and have a database each do not hear
    one another.
    """
    return f"db{parse_url(redis_url).get('db', 0)}:{name}"
