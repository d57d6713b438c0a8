"""Installations for photographs and measurements, below ``var/`` and apart from the real one; most with the demo.

The demo is made the first time (about a minute, longer at a larger scale) and used again.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
OPERATOR = "admin"
OWNER = "amelia.hart"
"""Owns :data:`TENANT`."""
TENANT = "northwind-bank"

_START_S = 120.0
_STOP_S = 30.0
_ELSEWHERE = ("DATABASE_URL", "REDIS_URL", "SPOOL_DIR", "PROMETHEUS_MULTIPROC_DIR", "DJANGO_SETTINGS_MODULE")


@dataclass(frozen=True)
class DemoInstallation:
    """Where it answers, who may sign in, and what runs it."""

    url: str
    var_dir: Path
    pid: int = 0
    """Of its supervisor; 0 where somebody else has started it."""
    environment: Mapping[str, str] = field(default_factory=lambda: {**os.environ})
    """Of its processes, and of commands that look into it."""

    def manage(self, *arguments: str) -> int:
        """Run ``manage.py`` for it; the exit code."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=dict(self.environment), check=False).returncode  # noqa: S603

    @property
    def operator_password(self) -> str:
        """Of :data:`OPERATOR`."""
        return (self.var_dir / "admin-password").read_text(encoding="utf-8").strip()

    @property
    def owner_password(self) -> str:
        """Of :data:`OWNER`, and of everybody else in the demo."""
        kept = msgspec.json.decode((self.var_dir / "demo-keys.json").read_bytes(), type=dict)
        return str(kept["password"])


def forget_old_demo(name: str, older_than_s: float = 6 * 3600.0) -> None:
    """Removes an installation whose story ended so long ago that pages about now would be empty; it is made anew."""
    kept = ROOT / "var" / name / "demo-keys.json"
    if kept.exists() and time.time() - kept.stat().st_mtime > older_than_s:
        shutil.rmtree(kept.parent)


@contextmanager
def demo_installation(name: str = "demo", *options: str) -> Iterator[DemoInstallation]:
    """Runs while the block does; ``options`` go to ``manage.py demo`` when the demo is made.

    Raises:
        SystemExit: it does not start, or the demo cannot be made; the log says why.
    """
    with installation(name) as running:
        if not (running.var_dir / "demo-keys.json").exists():
            print("… making the demo", file=sys.stderr, flush=True)
            if running.manage("demo", *options):
                sys.exit("The demo could not be made.")
        yield running


@contextmanager
def installation(name: str) -> Iterator[DemoInstallation]:
    """What ``make run`` makes, in ``var/<name>`` and at a free port, as long as the block runs.

    Raises:
        SystemExit: it does not start; the log says why.
    """
    var_dir = ROOT / "var" / name
    var_dir.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    environment = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
    environment |= {"VAR_DIR": str(var_dir), "HOST": "127.0.0.1", "PORT": str(port)}
    log = var_dir / "installation.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        running = DemoInstallation(f"http://127.0.0.1:{port}", var_dir, process.pid, environment)
        _wait_until_ready(running.url, process, log)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def chromium() -> str | None:
    """The browser to use; None means playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(log.read_text(encoding="utf-8", errors="replace"))
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - http, and our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"No answer from {url} within {_START_S:g} s: see {log}.")
