"""Tells other workers of open circuits through Redis, and hears of theirs. Never on a call's path.

Redis holds a hash ``breaker:{target_id}`` for every circuit that is open (it expires when the circuit may be
probed) or was lately closed again, and a counter ``breakers:version`` that grows with every write. A worker
looks at the counter every half second and reads hashes only when it has moved. With Redis down each worker goes
by its own count, and writes what changed meanwhile once Redis is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.ports import Clock
from routing.engine.breaker import BreakerState, Transition
from routing.engine.statistics import TargetState, TargetStates

log = logging.getLogger(__name__)

VERSION_KEY = "breakers:version"
POLL_S = 0.5
_CLOSED_KEPT_MS = 60_000
"""How long a closing stays readable: far longer than the time between two looks."""

_PATIENCE_S = 5.0
"""A Redis that does not answer for so long counts as down."""

_PEER = "peer"


def key_of(target_id: str) -> str:
    """The Redis key of a target's circuit."""
    return f"breaker:{target_id}"


class BreakerStore(Protocol):
    """Shares breaker states between workers."""

    async def start(self, states: TargetStates) -> None:
        """Begin to apply what other workers tell to ``states``."""

    def changed(self, state: TargetState, transition: Transition) -> None:
        """A circuit of this worker changed; never blocks, never raises."""

    async def aclose(self) -> None:
        """Stop."""


class LocalBreakerStore:
    """Shares nothing: one worker, or none to share with."""

    async def start(self, states: TargetStates) -> None:
        """Nothing to begin."""

    def changed(self, state: TargetState, transition: Transition) -> None:
        """Nobody to tell."""

    async def aclose(self) -> None:
        """Nothing to stop."""


class RedisBreakerStore:
    """Shares through Redis. ``connected`` says whether the last exchange worked."""

    def __init__(self, redis: Redis, *, clock: Clock, poll_s: float = POLL_S) -> None:
        self._redis: Any = redis
        self._clock = clock
        self._poll_s = poll_s
        self._worker = os.urandom(8).hex()
        self._sequence = 0
        self._states: TargetStates | None = None
        self._unwritten: dict[str, TargetState] = {}
        self._wake = asyncio.Event()
        self._seen_version: bytes | None = None
        self._seen: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.connected = False

    async def start(self, states: TargetStates) -> None:
        """Begin the exchange; a Redis that is down is no error."""
        self.watch(states)
        self._task = asyncio.create_task(self._run(), name="breaker-store")

    def watch(self, states: TargetStates) -> None:
        """Apply to these what :meth:`exchange` hears."""
        self._states = states

    def changed(self, state: TargetState, transition: Transition) -> None:
        """Queue a change of this worker's own for writing; a peer's word is not repeated."""
        if transition.reason == _PEER or transition.new is BreakerState.HALF_OPEN:
            return
        self._unwritten[state.target.id] = state
        self._wake.set()

    async def aclose(self) -> None:
        """Stop the exchange and close the connection."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._redis.aclose()

    # --- the exchange ------------------------------------------------------------------------------

    async def _run(self) -> None:
        # A connection that breaks while the task is cancelled replaces the cancellation by its own error.
        while not self._closing:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self.exchange()
            except (RedisError, OSError, TimeoutError, RuntimeError) as error:
                # RuntimeError is how uvloop says that the connection broke a moment ago.
                if self.connected:
                    log.warning("breaker states are not shared: %s", error)
                self.connected = False
            else:
                if not self.connected:
                    log.info("breaker states are shared")
                self.connected = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._wake.wait()
            if not self.connected:
                # A change must not turn the wait for Redis into a busy loop.
                await asyncio.sleep(self._poll_s)

    async def exchange(self) -> None:
        """Write what changed here and take in what changed elsewhere.

        Raises:
            RedisError: Redis cannot be reached; what was to be written is kept.
        """
        self._wake.clear()
        await self._write()
        version = await self._redis.get(VERSION_KEY)
        watched = self._watched()
        if version == self._seen_version and not (watched - self._seen.keys()):
            return
        await self._read(sorted(watched))
        self._seen_version = version

    def _watched(self) -> set[str]:
        return {state.target.id for state in self._states} if self._states is not None else set()

    async def _write(self) -> None:
        pending, self._unwritten = self._unwritten, {}
        if not pending:
            return
        now = self._clock.monotonic()
        try:
            # One transaction: a peer that read a state before its expiry was set would take it for over already.
            async with self._redis.pipeline(transaction=True) as pipeline:
                for target_id, state in pending.items():
                    self._queue_write(pipeline, target_id, state, now)
                pipeline.incr(VERSION_KEY)
                await pipeline.execute()
        except BaseException:
            self._unwritten = pending | self._unwritten
            raise

    def _queue_write(self, pipeline: Any, target_id: str, state: TargetState, now: float) -> None:
        open_ms = int(state.breaker.retry_after_s(now) * 1000)
        if state.breaker.state is BreakerState.OPEN and open_ms > 0:
            shown, kept_ms = BreakerState.OPEN, open_ms
        elif state.breaker.state is BreakerState.CLOSED:
            shown, kept_ms = BreakerState.CLOSED, _CLOSED_KEPT_MS
        else:
            return
        self._sequence += 1
        stamp = f"{self._worker}:{self._sequence}"
        self._seen[target_id] = stamp
        key = key_of(target_id)
        fields = {"state": shown.value, "stamp": stamp, "target": state.target.label}
        pipeline.hset(key, mapping=fields)
        pipeline.pexpire(key, kept_ms)

    async def _read(self, target_ids: list[str]) -> None:
        if not target_ids:
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            for target_id in target_ids:
                pipeline.hgetall(key_of(target_id))
                pipeline.pttl(key_of(target_id))
            replies = await pipeline.execute()
        self._seen = {target_id: self._seen.get(target_id, "") for target_id in target_ids}
        for target_id, fields, ttl_ms in zip(target_ids, replies[::2], replies[1::2], strict=True):
            self._take(target_id, _decoded(fields), ttl_ms)

    def _take(self, target_id: str, fields: Mapping[str, str], ttl_ms: int) -> None:
        stamp = fields.get("stamp", "")
        known, self._seen[target_id] = self._seen[target_id], stamp
        state = self._states.find(target_id) if self._states is not None else None
        if not stamp or stamp == known or state is None or stamp.startswith(self._worker):
            return
        now = self._clock.monotonic()
        if fields.get("state") == BreakerState.OPEN.value:
            state.breaker.opened_by_peer(max(0, ttl_ms) / 1000, now)
        else:
            state.breaker.closed_by_peer()


def _decoded(fields: Mapping[Any, Any]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in fields.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
