"""The gateway of this process: one runtime on one event loop, whichever door a request comes through.

A web process opens it in its ASGI lifespan. Anything else that asks for it (the DRF door under a test client, a
management command) gets one on a thread of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from gateway.runtime import GatewayRuntime
from gateway.watching import close_to_watchers, open_to_watchers
from gateway.wiring import build_runtime

T = TypeVar("T")

START_TIMEOUT_S = 30.0


class GatewayProcess:
    """A started runtime and its loop, usable from any other thread."""

    def __init__(self, runtime: GatewayRuntime, loop: asyncio.AbstractEventLoop) -> None:
        self.runtime = runtime
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; blocks the calling thread, which must not be the loop's."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin it on the gateway's loop, from any thread; cancelling the future cancels the coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def iterate(self, stream: AsyncGenerator[bytes, None]) -> Generator[bytes, None, None]:
        """The stream's pieces; closing the iterator closes the stream."""
        try:
            while (piece := self.run(_next(stream))) is not None:
                yield piece
        finally:
            self.run(stream.aclose())

    async def each(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The stream's pieces on the loop that asks, which may be the gateway's own; closing it closes the stream."""
        taking_turns = asyncio.Lock()

        async def following() -> bytes | None:
            async with taking_turns:
                return await _next(stream)

        async def close() -> None:
            # On another loop a step that was cancelled may still be on its way out.
            async with taking_turns:
                await stream.aclose()

        try:
            while (piece := await self.here(following())) is not None:
                yield piece
        finally:
            await self.here(close())

    async def here(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result, from whichever loop asks."""
        if asyncio.get_running_loop() is self._loop:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))


class _ThreadProcess(GatewayProcess):
    """A gateway that lives on a thread of its own."""

    def __init__(self, runtime: GatewayRuntime, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        super().__init__(runtime, loop)
        self._thread = thread

    def stop(self) -> None:
        """Drain and stop the runtime, then its loop and thread."""
        self.run(self.runtime.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(stream: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(stream, None)


_lock = threading.Lock()
_process: GatewayProcess | None = None


def tune_interpreter() -> None:
    """Make the interpreter fit for a worker that does little but answer small requests.

    What lives after the start lives to the end: frozen, the garbage collector never walks Django's half million
    objects again, which took tens of milliseconds in the middle of calls. Requests make garbage without cycles, so
    the young generation may grow. Django's pages are served on threads: the loop must not wait the default 5 ms for
    one of them to give up the interpreter's lock.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    sys.setswitchinterval(0.002)


@asynccontextmanager
async def serving() -> AsyncIterator[None]:
    """The lifespan of a web process: start the runtime on this loop, drain and stop it at the end."""
    global _process
    runtime = build_runtime()
    await runtime.start()
    _process = GatewayProcess(runtime, asyncio.get_running_loop())
    open_to_watchers(runtime.authenticator)
    tune_interpreter()
    try:
        yield
    finally:
        close_to_watchers()
        _process = None
        await runtime.stop()


def running() -> GatewayProcess:
    """The gateway of this process, started on a thread of its own if no lifespan has."""
    global _process
    with _lock:
        if _process is None:
            _process = _start_thread()
        return _process


def stop() -> None:
    """Stop the gateway that :func:`running` started; without one, nothing."""
    global _process
    with _lock:
        process = _process
        if not isinstance(process, _ThreadProcess):
            return
        _process = None
    process.stop()


def _start_thread() -> GatewayProcess:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway", daemon=True)
    thread.start()
    runtime = build_runtime()
    asyncio.run_coroutine_threadsafe(runtime.start(), loop).result(START_TIMEOUT_S)
    atexit.register(stop)
    return _ThreadProcess(runtime, loop, thread)
