"""The processes of one benchmark: the gateway alone on one core, everything else on the others."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.gateway.seed_key import KEY
from controlplane.embedded.layout import Layout
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import running

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0


class Cores:
    """Which processors the gateway has, and which the rest."""

    def __init__(self) -> None:
        available = sorted(os.sched_getaffinity(0))
        self.gateway = {available[0]}
        self.rest = set(available[1:]) or self.gateway


class Stack:
    """A running gateway and its upstream."""

    def __init__(self, layout: Layout, cores: Cores, ports: tuple[int, int]) -> None:
        self.layout = layout
        self.cores = cores
        self.upstream_url = f"http://127.0.0.1:{ports[0]}/v1/chat/completions"
        self.gateway_url = f"http://127.0.0.1:{ports[1]}/v1/chat/completions"
        self.gateway_port = ports[1]
        self.web: subprocess.Popen[bytes] | None = None

    def load(self, url: str, *options: str, key: str = KEY) -> dict[str, float]:
        """One run of the load generator."""
        command = [sys.executable, "-m", "bench.gateway.load", url, "--key", key, *options]
        done = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, preexec_fn=pin(self.cores.rest), timeout=1_800
        )
        return dict(msgspec.json.decode(done.stdout))

    def direct(self, *options: str) -> dict[str, float]:
        """The same call without the gateway."""
        return self.load(self.upstream_url, *options)

    def gateway(self, *options: str, key: str = KEY) -> dict[str, float]:
        """The call through the gateway."""
        return self.load(self.gateway_url, *options, key=key)

    def worker_memory_mb(self) -> float:
        """Resident memory of the gateway's worker."""
        return float(self._worker().memory_info().rss) / 1_000_000

    def worker_cpu_s(self) -> float:
        """Processor time that the gateway's worker has used: what a call costs whatever else the machine does."""
        times = self._worker().cpu_times()
        return float(times.user + times.system)

    def _worker(self) -> psutil.Process:
        assert self.web is not None
        workers = psutil.Process(self.web.pid).children(recursive=True)
        return max(workers, key=lambda process: process.memory_info().rss)

    def health(self) -> dict[str, Any]:
        """``/health/detailed``."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.gateway_port}/health/detailed", timeout=5) as answer:
            return dict(msgspec.json.decode(answer.read()))


def pin(cores: set[int]) -> Any:
    """A ``preexec_fn`` that keeps a process and its children on these processors."""
    return lambda: os.sched_setaffinity(0, cores)


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stack(*, collect: bool = True) -> Iterator[Stack]:
    """PostgreSQL, Redis, upstream, event collector and a gateway with one worker, in a directory of their own."""
    directory = Path(tempfile.mkdtemp(prefix="breakwater-bench-"))
    layout = Layout(directory)
    made = Stack(layout, Cores(), (free_port(), free_port()))
    # The servers are started from this process and inherit its place.
    os.sched_setaffinity(0, made.cores.rest)
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres = EmbeddedPostgres(layout)
        undo.enter_context(running([postgres, EmbeddedRedis(layout)], layout.logs))
        postgres.ensure_database()
        environment = {
            **os.environ,
            "VAR_DIR": str(directory),
            "WORKERS": "1",
            "PORT": str(made.gateway_port),
            "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
            "LOG_LEVEL": "WARNING",
        }
        for name in ("DATABASE_URL", "REDIS_URL"):
            environment.pop(name, None)
        (directory / "metrics").mkdir()
        _run(environment, "manage.py", "migrate", "--verbosity", "0")
        _run(environment, "-m", "bench.gateway.seed", made.upstream_url.removesuffix("/chat/completions"))

        def start(cores: set[int], *arguments: str) -> subprocess.Popen[bytes]:
            log = undo.enter_context((layout.logs / f"{arguments[-1].rpartition('/')[2]}.log").open("ab"))
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log, preexec_fn=pin(cores)
            )
            undo.callback(_stop, process)
            return process

        start(made.cores.rest, "-m", "bench.gateway.upstream", made.upstream_url.split(":")[2].split("/")[0])
        if collect:
            # In an installation it has a processor of its own; here it must not stand in the load generator's way.
            psutil.Process(start(made.cores.rest, "manage.py", "collect").pid).nice(19)
        made.web = start(
            made.cores.gateway,
            *("-m", "controlplane.web", "--port", str(made.gateway_port)),
        )
        _wait_for(made)
        yield made


def _run(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(made: Stack) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            made.health()
            made.gateway("--calls", "1", "--warm", "0")
            return
        except (OSError, subprocess.CalledProcessError) as error:
            if time.monotonic() > deadline:
                raise RuntimeError("The gateway did not start.") from error
            time.sleep(0.1)
