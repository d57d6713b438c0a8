"""Worker processes that are kept running until they are told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from controlplane.embedded.command import leash
from controlplane.supervisor.backoff import Backoff

_AFTER_STOP_S = 2.0
"""What a worker may take beyond the calls in flight, to send its last events."""

_STEADY_S = 10.0
"""A worker that has lived this long has started well."""

_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
"""A worker has one thread that does nearly all: pools of memory for each of the others only hold what nobody uses."""


class WorkerPool:
    """``workers`` processes on one listening socket, whose number each gets as the last argument of ``command``.

    A worker that dies is replaced, at once the first time and later with growing pauses. Workers whose first start
    fails end the pool: the same would happen again, and whoever supervises it should show the log.
    """

    def __init__(self, listener: socket.socket, command: Sequence[str], *, workers: int, stop_s: float) -> None:
        self._listener = listener
        self._command = command
        self._workers = workers
        self._stop_s = stop_s
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._processes: set[asyncio.subprocess.Process] = set()
        self._one_was_steady = False
        self._exit_code = 0

    async def run(self) -> int:
        """Serve until SIGINT or SIGTERM (a second one kills); 0, or 1 when workers cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        keepers = [asyncio.create_task(self._keep()) for _ in range(self._workers)]
        await self._stopping.wait()
        await self._end_processes()
        await asyncio.gather(*keepers)
        return self._exit_code

    def _on_signal(self) -> None:
        (self._hurry if self._stopping.is_set() else self._stopping).set()

    async def _keep(self) -> None:
        backoff = Backoff(first_s=0.1, longest_s=10.0, steady_s=_STEADY_S)
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            ran_s = time.monotonic() - began
            self._one_was_steady |= ran_s >= _STEADY_S
            if code > 0 and not self._one_was_steady:
                _say(f"A worker could not start (exit code {code}).")
                self._exit_code = 1
                self._stopping.set()
                return
            delay_s = backoff.after_run(ran_s)
            _say(f"A worker ended with code {code} after {ran_s:.0f} s; starting another in {delay_s:g} s.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _run_once(self) -> int:
        file_number = self._listener.fileno()
        # In our process group, so that whoever kills the group leaves no worker behind.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(file_number),
            stdin=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT | os.environ,
            pass_fds=(file_number,),
            preexec_fn=leash(signal.SIGTERM),
        )
        self._processes.add(process)
        try:
            if self._stopping.is_set():
                # Asked to stop between the fork and here.
                process.send_signal(signal.SIGTERM)
            return await process.wait()
        finally:
            self._processes.discard(process)

    async def _end_processes(self) -> None:
        waits = {asyncio.create_task(_ended(process)) for process in self._processes}
        if not waits:
            return
        hurried = asyncio.create_task(self._hurry.wait())
        deadline = time.monotonic() + self._stop_s + _AFTER_STOP_S
        while not hurried.done() and time.monotonic() < deadline:
            left_s = max(0.0, deadline - time.monotonic())
            await asyncio.wait({*waits, hurried}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            waits = {wait for wait in waits if not wait.done()}
            if not waits:
                break
        hurried.cancel()
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()


async def _ended(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    await process.wait()


def _say(text: str) -> None:
    os.write(sys.stderr.fileno(), f"{text}\n".encode())
