"""Questions that mean the same, as a gateway worker looks for them: on a thread of its own, shared through Redis.

Neither the model nor the index is ever touched by the event loop. A lookup waits for the thread for
:data:`LOOKUP_S` at most, and for Redis never: what other workers have kept is read beside the calls.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from contracts.chat import JsonObject
from contracts.ports import Clock
from contracts.time_limit import TimeLimit
from embeddings.static import DIMENSIONS, Embedder, EmbeddingModelMissing, Vector, shared_embedder
from events.engine.redis_wire import RedisCommandError, RedisUnavailable, RedisWire
from gateway.engine.cache.semantic.agreement import agreement
from gateway.engine.cache.semantic.judge import Judge
from gateway.engine.cache.semantic.questions import Match
from gateway.engine.cache.semantic.remembered import Entry, RouteQuestions, WorkerQuestions
from gateway.engine.cache.shelves import TIMEOUT_S, AnswerKey

log = logging.getLogger(__name__)
T = TypeVar("T")

LOOKUP_S: Final = 0.05
"""A lookup takes a millisecond or two; whatever takes longer is given up, and the call goes to a provider."""
FIRST_READING_S: Final = 0.1
"""How long the first lookup of a route waits for what other workers have kept."""
READ_AGAIN_S: Final = 0.2
BATCH: Final = 250
"""Questions taken in at once: a lookup waits for one batch at most, some 10 ms."""
VERSION: Final = "1"
"""Version of what is in Redis: the model's vectors, and the fields beside them."""


class QuestionSearch:
    """One per gateway worker; without ``wire`` it knows only what the worker itself has kept."""

    def __init__(self, wire: RedisWire | None, *, clock: Clock) -> None:
        self._wire, self._clock = wire, clock
        self._thread: ThreadPoolExecutor | None = None
        self._mind: _Mind | None = None
        self._missing = False
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._read_at: dict[str, float] = {}
        self._read_to: dict[str, bytes] = {}
        self._pending: set[asyncio.Task[Any]] = set()

    async def matches(self, key: AnswerKey, scope: str, text: str, most: int) -> list[Match]:
        """Kept questions of the key's tenant and route that the text may repeat, the surest first."""
        if self._missing:
            return []
        name = stream_of(key)
        await self._catch_up(name, most)
        try:
            with TimeLimit(LOOKUP_S):
                return await self._think(lambda mind: mind.matches(name, scope, text, self._clock.now_ms()), [])
        except TimeoutError:
            return []

    def keep(self, key: AnswerKey, entry: Entry, *, most: int, ttl_ms: int) -> None:
        """Remember a question whose answer is kept under ``key``, here and in the other workers."""
        if not self._missing:
            self._later(self._keep(stream_of(key), entry, most, ttl_ms))

    def forget(self, key: AnswerKey, digest: str) -> None:
        """The answer is gone; here, for the others find out for themselves."""
        name = stream_of(key)
        self._later(self._think(lambda mind: mind.forget(name, digest), None))

    async def agreement(self, one: JsonObject, other: JsonObject) -> float | None:
        """How far two answers say the same; None where nobody can tell."""
        return await self._think(lambda mind: agreement(one, other, mind.embedder), None)

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside the calls, and before the end."""
        self._later(work)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._pending or self._reading:
            await asyncio.wait({*self._pending, *self._reading.values()})
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """End what is under way, and the thread."""
        for task in self._reading.values():
            task.cancel()
        if self._pending:
            await asyncio.wait(set(self._pending), timeout=1)
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    # --- the thread --------------------------------------------------------------------------------------

    async def _think(self, about: Callable[[_Mind], T], otherwise: T) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="questions")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: about(self._awake()))
        except EmbeddingModelMissing as error:
            self._missing = True
            log.error("%s", error)
            return otherwise

    def _awake(self) -> _Mind:
        assert threading.current_thread().name.startswith("questions")
        if self._mind is None:
            self._mind = _Mind(shared_embedder())
        return self._mind

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._pending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a question could not be kept", exc_info=error)

    async def _keep(self, name: str, entry: Entry, most: int, ttl_ms: int) -> None:
        nothing: tuple[bytes, list[str]] = (b"", [])
        vector, dropped = await self._think(lambda mind: mind.keep(name, entry, most), nothing)
        self._drop(dropped)
        if self._wire is None or not vector:
            return
        try:
            await self._wire.call(
                *("XADD", name, "MAXLEN", most, "*", "d", entry.digest, "s", entry.scope),
                *("q", entry.text, "e", entry.ends_at_ms, "v", vector),
            )
            await self._wire.call("PEXPIRE", name, ttl_ms)
        except (RedisUnavailable, RedisCommandError) as error:
            log.debug("a question is kept in this worker alone: %s", error)

    # --- what other workers keep -------------------------------------------------------------------------

    async def _catch_up(self, name: str, most: int) -> None:
        now = self._clock.monotonic()
        read_at = self._read_at.get(name)
        if self._wire is None or (read_at is not None and now - read_at < READ_AGAIN_S):
            return
        task = self._reading.get(name)
        if task is None:
            self._read_at[name] = now
            task = self._reading[name] = asyncio.get_running_loop().create_task(self._read(name, most))
            task.add_done_callback(lambda _: self._reading.pop(name, None))
        if read_at is None:
            await asyncio.wait({task}, timeout=FIRST_READING_S)

    async def _read(self, name: str, most: int) -> None:
        assert self._wire is not None
        while True:
            since = self._read_to.get(name)
            try:
                with TimeLimit(TIMEOUT_S):
                    rows = await self._wire.call("XRANGE", name, b"(" + since if since else "-", "+", "COUNT", BATCH)
            except (RedisUnavailable, RedisCommandError, TimeoutError) as error:
                log.debug("questions of other workers cannot be read: %s", error)
                return
            if not rows:
                return
            self._read_to[name] = rows[-1][0]
            self._drop(await self._think(partial(_taken, name, rows, most), []))

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self._read_to.pop(name, None)
            self._read_at.pop(name, None)


def _taken(name: str, rows: list[Any], most: int, mind: _Mind) -> list[str]:
    return mind.take(name, rows, most)


class _Mind:
    """What lives on the thread."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._questions = WorkerQuestions(embedder, Judge.fitted())

    def matches(self, name: str, scope: str, text: str, now_ms: int) -> list[Match]:
        return self._questions.of(name).matches(scope, text, self.embedder.embed(text), now_ms)

    def keep(self, name: str, entry: Entry, most: int) -> tuple[bytes, list[str]]:
        vector = self.embedder.embed(entry.text)
        self._questions.of(name).add(entry, vector, most)
        return vector.astype(np.float16).tobytes(), self._questions.make_room()

    def forget(self, name: str, digest: str) -> None:
        self._questions.of(name).remove(digest)

    def take(self, name: str, rows: list[Any], most: int) -> list[str]:
        route = self._questions.of(name)
        for _, fields in rows:
            _take(route, dict(zip(fields[::2], fields[1::2], strict=True)), most)
        return self._questions.make_room()


def _take(route: RouteQuestions, fields: dict[bytes, bytes], most: int) -> None:
    vector: Vector = np.frombuffer(fields[b"v"], np.float16).astype(np.float32)
    if len(vector) != DIMENSIONS:
        return
    entry = Entry(fields[b"d"].decode(), fields[b"s"].decode(), fields[b"q"].decode(), int(fields[b"e"]))
    route.add(entry, vector, most)


def stream_of(key: AnswerKey) -> str:
    """The Redis stream of a tenant's questions to a route."""
    return f"{key.prefix}questions:{VERSION}"
