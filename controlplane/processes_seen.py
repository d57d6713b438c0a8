"""Signs of life of the processes that serve no requests, in one Redis hash, for the page about the system's health.

Celery's workers tell with each of their heartbeats (every two seconds), beat with each task that it hands out.
"""

from __future__ import annotations

import logging
import socket
import time
from functools import cache
from typing import Any, Final

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

KEY: Final = "processes:seen"
"""Hash: ``worker:NAME`` or ``beat:HOST`` → Unix milliseconds."""
KEPT_S: Final = 86_400
"""A process that was silent for longer is forgotten."""
_TIMEOUT_S: Final = 1.0


def note(kind: str, name: str) -> None:
    """Tell that this process lives. Without Redis nothing is told: that it is down is told elsewhere."""
    try:
        _client(settings.REDIS_URL).hset(KEY, f"{kind}:{name}", str(time.time_ns() // 1_000_000))
    except RedisError as error:
        log.debug("No sign of life told: %s", error)


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )


class Beat:
    """Whether this process is beat: it alone hands out tasks by the clock."""

    def __init__(self) -> None:
        self._is_beat = False

    def began(self, **_kwargs: Any) -> None:
        """Receives Celery's ``beat_init``."""
        self._is_beat = True
        note("beat", socket.gethostname())

    def ticked(self, **_kwargs: Any) -> None:
        """Receives Celery's ``before_task_publish``, in every process."""
        if self._is_beat:
            note("beat", socket.gethostname())


def worker_beat(sender: Any = None, **_kwargs: Any) -> None:
    """Receives Celery's ``heartbeat_sent``; the sender is the worker's heart."""
    name = getattr(getattr(sender, "eventer", None), "hostname", None) or f"celery@{socket.gethostname()}"
    note("worker", name)


def worker_gone(sender: Any = None, **_kwargs: Any) -> None:
    """Receives Celery's ``worker_shutdown``; the sender is the worker."""
    name = getattr(sender, "hostname", None) or f"celery@{socket.gethostname()}"
    try:
        _client(settings.REDIS_URL).hdel(KEY, f"worker:{name}")
    except RedisError as error:
        log.debug("The end was not told: %s", error)
