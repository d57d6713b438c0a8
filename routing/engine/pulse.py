"""Tells what this worker knows of its targets through Redis, twice a second, for the pages that show it.

Never on a call's path. Redis holds ``pulse:{worker_id}``, a JSON text that expires when the worker stops telling, and
the sorted set ``pulses`` of workers by when they last told. With Redis down nothing is told and nothing is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from contracts.ports import Clock
from routing.engine.statistics import TargetSnapshot, TargetState

INDEX_KEY: Final = "pulses"
PERIOD_S: Final = 0.5
KEPT_S: Final = 10
"""A worker that has told nothing for so long is gone, or cut off from Redis."""
RECENT_S: Final = 900.0
"""Targets used within this time are told of, and all that are busy or whose circuit is not closed."""
MOST_TARGETS: Final = 200
_AT_A_TIME: Final = 16
"""Targets between two looks of the event loop at what else there is to do."""
_PATIENCE_S: Final = 2.0


class WorkerPulse(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker said of its targets, and when (Unix ms)."""

    worker_id: str
    host: str
    pid: int
    at_ms: int
    targets: list[TargetSnapshot]


class Commands(Protocol):
    """Sends one command to Redis; fails at once while Redis is down."""

    def call(self, *args: Any) -> Awaitable[Any]:
        """The reply."""


def key_of(worker_id: str) -> str:
    """The Redis key of a worker's pulse."""
    return f"pulse:{worker_id}"


class Pulse:
    """Sends the pulse of one worker. ``recent`` gives the states to tell of, the most recently used first."""

    def __init__(
        self,
        redis: Commands,
        *,
        worker_id: str,
        recent: Callable[[float, int], Sequence[TargetState]],
        clock: Clock,
        period_s: float = PERIOD_S,
    ) -> None:
        self._redis = redis
        self._worker_id = worker_id
        self._recent = recent
        self._clock = clock
        self._period_s = period_s
        self._host = socket.gethostname()
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._run(), name="pulse")

    def wake(self) -> None:
        """Something changed that pages hear of by an event as well: tell it now, before they look."""
        self._wake.set()

    async def stop(self) -> None:
        """Tell no more, and take away what was told."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        with contextlib.suppress(OSError, RuntimeError):
            await self._redis.call("DEL", key_of(self._worker_id))
            await self._redis.call("ZREM", INDEX_KEY, self._worker_id)

    async def _run(self) -> None:
        while not self._stopping:
            # OSError is a Redis that is down, RuntimeError one that refuses; both pass, and the next beat tells all.
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self.beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._wake.wait()

    async def beat(self) -> None:
        """Tell once.

        Raises:
            ConnectionError: Redis is down.
        """
        self._wake.clear()
        pulse = WorkerPulse(
            worker_id=self._worker_id,
            host=self._host,
            pid=os.getpid(),
            at_ms=self._clock.now_ms(),
            targets=await self._snapshots(),
        )
        await self._redis.call("SET", key_of(self._worker_id), msgspec.json.encode(pulse), "EX", KEPT_S)
        await self._redis.call("ZADD", INDEX_KEY, pulse.at_ms, self._worker_id)
        await self._redis.call("ZREMRANGEBYSCORE", INDEX_KEY, "-inf", pulse.at_ms - KEPT_S * 1000)

    async def _snapshots(self) -> list[TargetSnapshot]:
        found: list[TargetSnapshot] = []
        for number, state in enumerate(self._recent(RECENT_S, MOST_TARGETS)):
            if number and number % _AT_A_TIME == 0:
                await asyncio.sleep(0)
            found.append(state.snapshot(self._clock.monotonic()))
        return found
