"""What gateways have handed on: the tenant's stream in Redis, read by one worker at a time.

What a worker has read and not put away is read again by the next, first of all.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, cast

import msgspec
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.live_samples import GROUP, losses_of, queue_of
from contracts.prompt_sums import PromptSum, sums_of

BATCH: Final = 32
LEASE_MS: Final = 120_000
"""Longer than a batch takes, judges' answers included."""
SUMS: Final = 500
_CONSUMER: Final = "one"
_TIMEOUT_S: Final = 2.0
_IF_MINE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call(%s) end return 0"
_GIVE_BACK: Final = _IF_MINE % "'DEL', KEYS[1]"
_MOVE: Final = _IF_MINE % "'PEXPIRE', KEYS[1], ARGV[2]"
_LOST: Final = "local all = redis.call('HGETALL', KEYS[1]) redis.call('DEL', KEYS[1]) return all"


_decode_sum = msgspec.msgpack.Decoder(PromptSum).decode


class Handed(NamedTuple):
    """A call in the queue, still packed, and the ids of the evaluations that want it."""

    entry: bytes
    packed: bytes
    wanted: tuple[str, ...]


class LiveQueue:
    """A tenant's queue, taken for a while by one worker."""

    def __init__(self, tenant_id: str) -> None:
        self._redis = _client(settings.REDIS_URL)
        self._calls, self._losses = queue_of(tenant_id), losses_of(tenant_id)
        self._sums = sums_of(tenant_id)
        self._lock = f"{self._calls}:lock"
        self._worker = uuid.uuid4().hex

    def taken(self) -> bool:
        """Whether it is this worker's from now on."""
        return bool(self._redis.set(self._lock, self._worker, nx=True, px=LEASE_MS))

    def give_back(self) -> None:
        """Let another worker have it."""
        self._redis.eval(_GIVE_BACK, 1, self._lock, self._worker)

    def next(self) -> list[Handed]:
        """The next calls; none where all are put away, or another worker has taken over."""
        if not self._redis.eval(_MOVE, 1, self._lock, self._worker, str(LEASE_MS)):
            return []
        try:
            return self._read("0") or self._read(">")
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
        if not self._redis.exists(self._calls):
            return []
        self._redis.xgroup_create(self._calls, GROUP, id="0")
        return self._read(">")

    def put_away(self, entries: Iterable[bytes]) -> None:
        """They are done with."""
        ids = list(entries)
        if ids:
            pipe = self._redis.pipeline()
            pipe.xack(self._calls, GROUP, *ids)
            pipe.xdel(self._calls, *ids)
            pipe.execute()

    def losses(self) -> dict[str, int]:
        """What was lost since this was asked last, by reason."""
        found = iter(cast("list[bytes]", self._redis.eval(_LOST, 1, self._losses)))
        return {reason.decode(): int(number) for reason, number in zip(found, found, strict=True)}

    def prompt_sums(self) -> list[PromptSum]:
        """Sums of prompts, taken for good: who dies with them has lost some prompts of some minutes."""
        packed = cast("list[bytes] | None", self._redis.lpop(self._sums, SUMS))
        return [_decode_sum(one) for one in packed or ()]

    def _read(self, after: str) -> list[Handed]:
        found: Any = self._redis.xreadgroup(GROUP, _CONSUMER, {self._calls: after}, count=BATCH)
        if not found:
            return []
        [(_, entries)] = found
        return [_handed(entry, fields) for entry, fields in entries]


def waiting(tenant_ids: Iterable[str]) -> list[str]:
    """The tenants of which something waits or was lost."""
    asked = list(tenant_ids)
    pipe = _client(settings.REDIS_URL).pipeline(transaction=False)
    for one in asked:
        # What is put away leaves an empty stream.
        pipe.xlen(queue_of(one))
        pipe.exists(losses_of(one), sums_of(one))
    found = iter(pipe.execute())
    return [one for one, calls, others in zip(asked, found, found, strict=True) if calls or others]


def _handed(entry: bytes, fields: Mapping[bytes, bytes] | None) -> Handed:
    # What was read before and trimmed since has no fields any more.
    given = fields or {}
    wanted = given.get(b"of", b"").decode()
    return Handed(entry, given.get(b"call", b""), tuple(wanted.split(",")) if wanted else ())


def client() -> redis.Redis:
    """Of this process, which gives up soon."""
    return _client(settings.REDIS_URL)


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
