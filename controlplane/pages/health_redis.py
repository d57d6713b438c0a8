"""What Redis knows of itself and of the processes that use it: two round trips, half a second at most each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import msgspec
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from controlplane import processes_seen
from controlplane.settings.celery import CELERY_BROKER_TRANSPORT_OPTIONS
from events.engine.bus import COLLECTORS, GROUP, STREAM
from events.engine.redis_channels import channel
from gateway.engine.config_listener import CHANNEL
from routing.engine.pulse import INDEX_KEY, WorkerPulse, key_of

TIMEOUT_S: Final = 0.5
_PREFIX: Final = str(CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"])
_decoder = msgspec.json.Decoder(WorkerPulse)


@dataclass(frozen=True, slots=True)
class Seen:
    """A process and when it last gave a sign of life (Unix ms)."""

    name: str
    at_ms: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RedisState:
    """``error`` is set where Redis did not answer; everything else is empty then."""

    error: str = ""
    answered_ms: float = 0.0
    info: dict[str, Any] = field(default_factory=dict)
    web_workers: list[Seen] = field(default_factory=list)
    config_listeners: int = 0
    collectors: list[Seen] = field(default_factory=list)
    celery_workers: list[Seen] = field(default_factory=list)
    beats: list[Seen] = field(default_factory=list)
    bus_length: int = 0
    bus_pending: int = 0
    """Handed to a collector and not acknowledged."""
    bus_oldest_ms: int | None = None
    """When the oldest batch on the bus was put there."""
    queued: int = 0
    """Tasks that wait for a Celery worker."""
    unacknowledged: int = 0


def read_redis() -> RedisState:
    """All of it, or why not."""
    try:
        return _read(_client(settings.REDIS_URL))
    except (RedisError, OSError) as error:
        return RedisState(error=str(error) or type(error).__name__)


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0))


def _read(client: Redis) -> RedisState:
    pipe = client.pipeline(transaction=False)
    pipe.info()
    pipe.xlen(STREAM)
    pipe.xrange(STREAM, count=1)
    pipe.xpending(STREAM, GROUP)
    pipe.hgetall(COLLECTORS)
    pipe.hgetall(processes_seen.KEY)
    pipe.zrange(INDEX_KEY, 0, -1, withscores=True)
    pipe.pubsub_numsub(channel(CHANNEL, settings.REDIS_URL))
    pipe.llen(f"{_PREFIX}celery")
    pipe.hlen(f"{_PREFIX}unacked")
    began = time.perf_counter()
    # A stream or a group that nobody has made yet is an error of that one command.
    info, length, oldest, pending, collectors, seen, pulses, listeners, queued, unacked = pipe.execute(
        raise_on_error=False
    )
    answered_ms = (time.perf_counter() - began) * 1000
    if isinstance(info, Exception):
        raise info
    processes = _processes(seen)
    return RedisState(
        answered_ms=answered_ms,
        info=info,
        web_workers=_web_workers(client, _or(pulses, [])),
        config_listeners=sum(count for _, count in _or(listeners, [])),
        collectors=[Seen(_text(name), int(at)) for name, at in _or(collectors, {}).items()],
        celery_workers=processes["worker"],
        beats=processes["beat"],
        bus_length=_or(length, 0),
        bus_pending=int(_or(pending, {}).get("pending", 0)),
        bus_oldest_ms=_first_ms(_or(oldest, [])),
        queued=_or(queued, 0),
        unacknowledged=_or(unacked, 0),
    )


def _or(reply: Any, otherwise: Any) -> Any:
    return otherwise if reply is None or isinstance(reply, Exception) else reply


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _first_ms(entries: list[Any]) -> int | None:
    return int(_text(entries[0][0]).partition("-")[0]) if entries else None


def _processes(reply: Any) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {"worker": [], "beat": []}
    oldest = (time.time() - processes_seen.KEPT_S) * 1000
    for name, at in _or(reply, {}).items():
        kind, _, who = _text(name).partition(":")
        if kind in found and int(at) >= oldest:
            found[kind].append(Seen(who, int(at)))
    return {kind: sorted(rows, key=lambda row: row.name) for kind, rows in found.items()}


def _web_workers(client: Redis, pulses: list[tuple[bytes, float]]) -> list[Seen]:
    if not pulses:
        return []
    names = [_text(name) for name, _ in pulses]
    texts: Any = client.mget([key_of(name) for name in names])
    found = []
    for name, (_, at), text in zip(names, pulses, texts, strict=True):
        try:
            told = _decoder.decode(text or b"")
        except msgspec.DecodeError:
            # Of another version, or gone between the two questions.
            found.append(Seen(name, int(at)))
            continue
        found.append(Seen(f"{told.host}, process {told.pid}", told.at_ms, f"{len(told.targets)} targets in use"))
    return sorted(found, key=lambda worker: worker.name)
