"""Servers that an earlier, killed supervisor left running on our data."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import structlog

log = structlog.get_logger(__name__)


def running_server(pid_file: Path, executable: str, directory: Path) -> psutil.Process | None:
    """The live process that ``pid_file`` names, if it really is ``executable`` working in ``directory``."""
    try:
        pid = int(pid_file.read_text(encoding="ascii").split()[0])
        process = psutil.Process(pid)
        if process.name() == executable and Path(process.cwd()) == directory.resolve():
            return process
    except (OSError, ValueError, IndexError, psutil.Error):
        # No file, no number in it, or no such process: nothing runs.
        return None
    return None


def stop_process(process: psutil.Process, stop_signal: signal.Signals, deadline_s: float = 15.0) -> None:
    """Ask, wait, and kill when asking was not enough."""
    log.warning("stopping a server left over from an earlier run", pid=process.pid)
    try:
        process.send_signal(stop_signal)
        process.wait(deadline_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(5)
    except psutil.NoSuchProcess:
        return
