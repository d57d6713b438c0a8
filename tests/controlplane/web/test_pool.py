"""Workers are replaced, stopped in peace and, if need be, killed; a pool whose workers cannot start ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest

from controlplane.web.listener import listen
from controlplane.web.pool import WorkerPool

SERVES = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listener = socket.socket(fileno=int(sys.argv[1]))
listener.setblocking(True)
while True:
    client, _ = listener.accept()
    client.sendall(str(os.getpid()).encode())
    client.close()
"""
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
BROKEN = "raise SystemExit(3)"


class Running:
    """A pool in a task of this process, and how to reach its workers."""

    def __init__(self, port: int, task: asyncio.Task[int]) -> None:
        self.port = port
        self.task = task

    async def who(self) -> int:
        """The number of the worker that answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return int(answer)

    async def stop(self) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return await asyncio.wait_for(self.task, 20)


@asynccontextmanager
async def pool(script: str, *, workers: int = 1, stop_s: float = 5.0) -> AsyncIterator[Running]:
    with listen("127.0.0.1", 0) as listener:
        made = WorkerPool(listener, (sys.executable, "-c", script), workers=workers, stop_s=stop_s)
        task = asyncio.create_task(made.run())
        await asyncio.sleep(0)
        try:
            yield Running(listener.getsockname()[1], task)
        finally:
            if not task.done():
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_a_workers_memory_comes_from_one_pool_unless_the_operator_wants_more(monkeypatch: pytest.MonkeyPatch):
    shows = SERVES.replace("os.getpid()", 'os.environ["MALLOC_ARENA_MAX"]')
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    async with pool(shows) as running:
        assert await running.who() == 1
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    async with pool(shows) as running:
        assert await running.who() == 4


async def test_a_killed_worker_is_replaced_while_its_callers_wait() -> None:
    async with pool(SERVES) as running:
        first = await running.who()
        os.kill(first, signal.SIGKILL)
        await until(lambda: not psutil.pid_exists(first))
        began = time.monotonic()
        second = await running.who()
        assert second != first
        print(f"answered by another after {(time.monotonic() - began) * 1000:.0f} ms")
        assert await running.stop() == 0
        assert not psutil.pid_exists(second)


async def test_all_workers_serve() -> None:
    async with pool(SERVES, workers=3) as running:
        workers: list[psutil.Process] = []

        def all_there() -> bool:
            workers[:] = [child for child in psutil.Process().children() if SERVES in child.cmdline()]
            return len(workers) == 3

        await until(all_there)
        for worker in workers[1:]:
            worker.suspend()
        # Until they are, the kernel may wake one of them for the call and nobody else.
        await until(lambda: all(worker.status() == psutil.STATUS_STOPPED for worker in workers[1:]))
        assert await running.who() == workers[0].pid
        for worker in workers[1:]:
            worker.resume()
        assert await running.stop() == 0


async def test_workers_that_cannot_start_end_the_pool(capfd: pytest.CaptureFixture[str]) -> None:
    async with pool(BROKEN, workers=2) as running:
        assert await asyncio.wait_for(running.task, 20) == 1
    assert "could not start (exit code 3)" in capfd.readouterr().err


async def test_a_worker_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.web.pool._AFTER_STOP_S", 0.1)
    async with pool(STUBBORN, stop_s=0.2) as running:
        await until(lambda: any(STUBBORN in child.cmdline() for child in psutil.Process().children()))
        await asyncio.sleep(0.3)
        assert await running.stop() == 0


async def test_a_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool(STUBBORN, stop_s=60) as running:
        await until(lambda: any(STUBBORN in child.cmdline() for child in psutil.Process().children()))
        await asyncio.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        assert await running.stop() == 0
