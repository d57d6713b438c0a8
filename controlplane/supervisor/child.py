"""One process that is kept running until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from controlplane.embedded.command import EmbeddedServerError, ServerCommand
from controlplane.supervisor.backoff import Backoff
from controlplane.supervisor.errors import CannotStart

Say = Callable[[str], None]

LOG_BYTES = 20 * 1024 * 1024
"""A longer log is set aside (one generation) when its process starts."""

_POLL_S = 0.05


class Child:
    """A process, its log file, and what to do when it ends by itself.

    ``prepare`` runs before every start, in a thread: it may block. ``stop_s`` is how long it gets to end in peace.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[[], ServerCommand],
        *,
        log_dir: Path,
        say: Say,
        stop_s: float = 10.0,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_dir / f"{name}.log"
        self.exits = 0
        self._prepare = prepare
        self._say = say
        self._stop_s = stop_s
        self._backoff = backoff or Backoff()
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._stop_signal = signal.SIGTERM
        self._task: asyncio.Task[None] | None = None
        self._failure: str = ""

    @property
    def pid(self) -> int | None:
        """The running process' number."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin to keep the process running."""
        self._task = asyncio.create_task(self._keep(), name=self.name)

    async def until_ready(self, is_ready: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
        """Wait for the first sign of life.

        Raises:
            CannotStart: the process ended, or was not ready in time; the message ends with its last log lines.
        """
        deadline = time.monotonic() + within_s
        while not (self._process is not None and await is_ready()):
            if self.exits:
                raise CannotStart(f"{self.name} could not start: {self._failure or self.log_tail()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.name} was not ready within {within_s:.0f} s. {self.log_tail()}")
            await asyncio.sleep(_POLL_S)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ask the process to end, wait, and kill what is left; at once when ``hurry`` is set."""
        self._stopping.set()
        if self._task is None:
            return
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(self._stop_signal)
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait({self._task, hurried}, timeout=self._stop_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not self._task.done():
            if not hurry.is_set():
                self._say(f"{self.name} did not stop within {self._stop_s:.0f} s: killed.")
            if self._process is not None:
                _kill_group(self._process.pid)
        await self._task

    def log_tail(self, lines: int = 15) -> str:
        """The end of the log, headed by its path."""
        try:
            text = self.log_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        return "\n".join([f"The end of {self.log_path}:", *text.splitlines()[-lines:]])

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = await self._run_once()
            self.exits += 1
            if self._stopping.is_set():
                return
            delay_s = self._backoff.after_run(time.monotonic() - began)
            self._say(f"{self.name} {reason}; starting it again in {delay_s:g} s (log: {self.log_path}).")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _run_once(self) -> str:
        try:
            command = await asyncio.to_thread(self._prepare)
            if self._stopping.is_set():
                return "was stopped"
            self._stop_signal = command.stop_signal
            self._process = await self._spawn(command)
        except (EmbeddedServerError, OSError) as error:
            self._failure = str(error)
            return f"could not be started: {error}"
        if self._stopping.is_set():
            # Asked to stop between the fork and here.
            self._process.send_signal(self._stop_signal)
        code = await self._process.wait()
        # Workers that a killed parent left behind would hold its port.
        _kill_group(self._process.pid)
        self._process = None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    async def _spawn(self, command: ServerCommand) -> asyncio.subprocess.Process:
        # Forked by this thread on purpose: see ServerCommand.popen_arguments.
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log_file:
            return await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                **command.popen_arguments(),
            )


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
