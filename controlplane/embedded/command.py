"""How a server process is started: its command line, the user it runs as, and its leash."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class EmbeddedServerError(Exception):
    """A server cannot be started; the message says why and what to do, for a person at a terminal."""


@dataclass(frozen=True)
class Account:
    """A system user, by number."""

    uid: int
    gid: int


@dataclass(frozen=True)
class ServerCommand:
    """A process to start. ``account`` None means: as whoever we are."""

    argv: tuple[str, ...]
    account: Account | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks for a clean stop; also what the process gets when we die without a word."""

    def popen_arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``subprocess.Popen`` and ``asyncio.create_subprocess_exec``.

        Call them from the main thread: Linux sends the death signal when the *thread* that forked ends.
        """
        arguments: dict[str, Any] = {
            "env": {**os.environ, **self.env},
            "cwd": self.cwd,
            "start_new_session": True,
            "preexec_fn": leash(self.stop_signal),
        }
        if self.account is not None:
            arguments |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return arguments


def leash(death_signal: signal.Signals) -> Callable[[], None]:
    """What a forked child runs before exec so that it is told when this process dies, however it dies.

    Linux only; elsewhere leftovers are found by their records at the next start.
    """
    parent = os.getpid()
    libc = _libc

    def bind() -> None:
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return bind
