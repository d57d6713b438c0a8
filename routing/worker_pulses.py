"""Reads what each gateway worker last said of its targets (:mod:`routing.engine.pulse`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from routing.engine.pulse import INDEX_KEY, KEPT_S, WorkerPulse, key_of
from routing.engine.statistics import TargetSnapshot

logger = logging.getLogger(__name__)

_TIMEOUT_S = 0.25
_PAUSE_S = 5.0
MOST_WORKERS = 500

_decoder = msgspec.json.Decoder(WorkerPulse)


@dataclass(frozen=True, slots=True)
class Pulses:
    """What the workers said; ``reachable`` is false where Redis did not answer, and then nobody knows anything."""

    workers: Sequence[WorkerPulse] = ()
    reachable: bool = True

    def of_target(self, target_id: str) -> list[tuple[WorkerPulse, TargetSnapshot]]:
        """Each worker that told of the target, with what it told."""
        return [(one, shown) for one in self.workers for shown in one.targets if shown.target_id == target_id]

    @property
    def oldest_ms(self) -> int | None:
        """When the worker that has been silent longest last spoke (Unix ms)."""
        return min((one.at_ms for one in self.workers), default=None)


class PulseReader:
    """Two round trips, however many workers. After a failure nothing is asked for five seconds."""

    def __init__(self, client: redis.Redis, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._paused_until = float("-inf")

    def read(self) -> Pulses:
        """The pulses of every worker that has told something in the last seconds."""
        if self._monotonic() < self._paused_until:
            return Pulses(reachable=False)
        try:
            since = (time.time() - KEPT_S) * 1000
            # The stubs have the answers of the other clients as well.
            ids: Any = self._client.zrangebyscore(INDEX_KEY, since, "+inf", start=0, num=MOST_WORKERS)
            texts: Any = self._client.mget([key_of(_text(one)) for one in ids]) if ids else []
        except redis.RedisError as error:
            self._paused_until = self._monotonic() + _PAUSE_S
            logger.warning("what gateway workers say of their targets cannot be read: %s", error)
            return Pulses(reachable=False)
        return Pulses([pulse for text in texts if (pulse := _decoded(text)) is not None])


@cache
def _reader(url: str) -> PulseReader:
    retry = Retry(NoBackoff(), 0)
    client = redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=retry)
    return PulseReader(client)


def worker_pulses() -> Pulses:
    """What this installation's workers say now."""
    return _reader(settings.REDIS_URL).read()


def _decoded(text: bytes | None) -> WorkerPulse | None:
    try:
        return None if text is None else _decoder.decode(text)
    except msgspec.DecodeError:
        # A worker of another version, in the minutes of an upgrade.
        return None


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
