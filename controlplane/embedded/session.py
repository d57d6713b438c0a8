"""Both servers for the length of a test run, without a supervisor."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from controlplane.embedded.command import EmbeddedServerError, ServerCommand


class EmbeddedServer(Protocol):
    """What :class:`EmbeddedPostgres` and :class:`EmbeddedRedis` have in common."""

    name: str

    def prepare(self) -> ServerCommand:
        """How to start it, with everything it needs made."""

    def is_ready(self) -> bool:
        """Whether it answers."""


@contextmanager
def running(servers: Sequence[EmbeddedServer], log_dir: Path, deadline_s: float = 60.0) -> Iterator[None]:
    """Start all at once, wait until all answer, stop them at the end.

    Raises:
        EmbeddedServerError: one ended or did not answer in time; the message carries the end of its log.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        started = [(server, stack.enter_context(_process(server, log_dir))) for server in servers]
        for server, process in started:
            _wait(server, process, log_dir, deadline_s)
        yield


@contextmanager
def _process(server: EmbeddedServer, log_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = server.prepare()
    with (log_dir / f"{server.name}.log").open("ab") as log_file:
        process = subprocess.Popen(  # noqa: S603 - our own binaries
            command.argv, stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file, **command.popen_arguments()
        )
    try:
        yield process
    finally:
        process.send_signal(command.stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _wait(server: EmbeddedServer, process: subprocess.Popen[bytes], log_dir: Path, deadline_s: float) -> None:
    deadline = time.monotonic() + deadline_s
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = (log_dir / f"{server.name}.log").read_text(encoding="utf-8", errors="replace")[-1500:]
            raise EmbeddedServerError(f"The embedded {server.name} did not start:\n{tail}")
        time.sleep(0.03)
