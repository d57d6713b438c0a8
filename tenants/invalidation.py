"""Tells every gateway worker, over Redis pub/sub, which compiled specs to drop.

With Redis down nothing is lost: a spec also ends with its time to live (30 s), so a message that cannot be
sent is logged and not retried.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Literal

import msgspec
import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.engine.redis_channels import channel

CHANNEL = "config.changed"
_TIMEOUT_S = 1.0

logger = logging.getLogger(__name__)


class Invalidation(msgspec.Struct, frozen=True, kw_only=True):
    """One message on :data:`CHANNEL` of the installation, as JSON.

    ``key`` drops one key spec (by ``key_hash``), ``tenant`` drops the tenant's spec, ``platform`` the shared one.
    """

    scope: Literal["key", "tenant", "platform"]
    id: str = ""
    key_hash: str | None = None


def publish_on_commit(invalidations: Sequence[Invalidation]) -> None:
    """Send the messages once the current transaction is committed; at once when there is none."""
    unique = list(dict.fromkeys(invalidations))
    if unique:
        transaction.on_commit(lambda: publish(unique), robust=True)


def publish(invalidations: Sequence[Invalidation]) -> None:
    """Send the messages now, in one round trip."""
    try:
        pipeline = _client(settings.REDIS_URL).pipeline(transaction=False)
        announced_on = channel(CHANNEL, settings.REDIS_URL)
        for invalidation in invalidations:
            pipeline.publish(announced_on, msgspec.json.encode(invalidation))
        pipeline.execute()
    except redis.RedisError as error:
        logger.warning("config.changed was not published; specs end with their time to live: %s", error)


@cache
def _client(url: str) -> redis.Redis:
    # No retries: a person waits, and a message that is not sent is made good by the specs' time to live.
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
