"""The whole product as real processes in a directory of its own, with servers that a test may freeze and kill."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil
import psycopg

from controlplane.embedded.layout import Layout
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import EmbeddedServer
from controlplane.settings.env import BASE_DIR
from tests.business import business

KEY = "stack-key-0123456789"
ROUTE = "resilient"
"""Goes to the first upstream, and to the second when that fails."""

GOVERNED_KEY = "governed-key-0123456789"
GOVERNED_ROUTE = "governed"
"""Of a tenant with limits and budgets that do refuse; goes to the first upstream."""

OUTAGE_S = float(os.environ.get("STACK_OUTAGE_S", "5"))
"""How long servers are away; 20 in the long variant."""

WORKERS = 2
WORKER_START_S = 40.0
SPEC_TTL_S = float(os.environ.get("STACK_SPEC_TTL_S", "2"))
"""How long workers go by what they know of a key when nobody can tell them more; 30 in production."""
BODY_TIMEOUT_S = 3

_OF_THE_TEST_RUN = (
    *("DATABASE_URL", "REDIS_URL", "VAR_DIR", "DJANGO_SETTINGS_MODULE", "BREAKWATER_ENV", "DATABASE_POOL_SIZE"),
    *("PYTEST_XDIST_WORKER", "PROMETHEUS_MULTIPROC_DIR", "BREAKWATER_TEST_DIR", "BREAKWATER_TEST_REDIS_URL"),
)


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Look again and again, in a thread that may block."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {within_s:g} s in vain until {what}"
        time.sleep(0.05)


async def eventually(condition: Callable[[], Any], what: str, within_s: float = 30.0) -> Any:
    """The first true value of ``condition`` (awaited when it must be), looked at while the loop goes on."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {within_s:g} s in vain until {what}"
        await asyncio.sleep(0.05)


class Server:
    """PostgreSQL or Redis as a process of the test's own."""

    def __init__(self, server: EmbeddedServer, log_dir: Path) -> None:
        self._server = server
        self._log = log_dir / f"{server.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start it at its old address and wait until it answers."""
        command = self._server.prepare()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **command.popen_arguments()
            )
        wait_until(self._server.is_ready, f"{self._server.name} answers")

    def kill(self) -> None:
        """SIGKILL for it and all it started."""
        family = self._signalled(psutil.Process.kill)
        psutil.wait_procs(family[1:], timeout=10)
        if self._process is not None:
            self._process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self._signalled(psutil.Process.suspend)

    def thaw(self) -> None:
        """Undo :meth:`freeze`."""
        self._signalled(psutil.Process.resume)

    def _signalled(self, send: Callable[[psutil.Process], None]) -> list[psutil.Process]:
        family = self._family()
        for process in family:
            # What serves one connection may end with it meanwhile.
            with suppress(psutil.NoSuchProcess):
                send(process)
        return family

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        if self._process.poll() is not None:
            return []
        leader = psutil.Process(self._process.pid)
        return [leader, *leader.children(recursive=True)]


class Up:
    """One run of ``manage.py up``; ``variables`` are added to its environment."""

    def __init__(self, directory: Path, *, port: int, **variables: str) -> None:
        self.port = port
        self.root = f"http://127.0.0.1:{port}"
        self.var_dir = directory / "var"
        self._output = directory / f"up-{time.time_ns()}.out"
        self.environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_TEST_RUN}
        self.environment |= {"VAR_DIR": str(self.var_dir), "PORT": str(port), "PYTHONPATH": str(BASE_DIR), **variables}
        directory.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._output.read_text(encoding="utf-8")

    def wait_until_ready(self, within_s: float = 90.0) -> None:
        """Until it has announced itself."""
        wait_until(
            lambda: "Breakwater is ready" in self.text or self.process.poll() is not None, "it is ready", within_s
        )
        assert self.process.poll() is None, self.text

    def everyone(self) -> list[psutil.Process]:
        """The supervisor and all below it."""
        leader = psutil.Process(self.process.pid)
        return [leader, *leader.children(recursive=True)]

    def web_workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        (web,) = self.parts("controlplane.web")
        return web.children()

    def collector(self) -> psutil.Process | None:
        """The event collector, while there is one."""
        return next(iter(self.parts("collect")), None)

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 60.0) -> int:
        """Ask it to stop; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def run(self, *arguments: str) -> str:
        """What another program says in this environment."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60 * business(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def parts(self, word: str) -> list[psutil.Process]:
        """The processes right below the supervisor that have this in their command."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if word in _command(child)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Control:
    """:mod:`tests.stack.control` as a process beside the running product."""

    def __init__(self, up: Up, log: Path) -> None:
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.stack.control"],
                cwd=BASE_DIR,
                env=up.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
            )
        self._log = log
        self._one_at_a_time = threading.Lock()

    def carry_out(self, *command: str) -> str:
        """What the command printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(msgspec.json.encode(command) + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, self._log.read_text(encoding="utf-8")
        succeeded, said = msgspec.json.decode(answer, type=tuple[bool, str])
        assert succeeded, said
        return said

    def stop(self) -> None:
        """All that it was told is done."""
        self._process.kill()
        self._process.communicate()


class Installation:
    """Two gateway workers, collector, Celery, and servers that the test controls."""

    def __init__(self, directory: Path) -> None:
        layout = Layout(directory / "servers")
        self.layout = layout
        self._postgres = EmbeddedPostgres(layout)
        self.postgres = Server(self._postgres, layout.logs)
        self.redis = Server(EmbeddedRedis(layout, durable=False), layout.logs)
        self.upstream_ports = (free_port(), free_port())
        self._directory = directory
        self._up: Up | None = None
        self._control: Control | None = None

    @property
    def up(self) -> Up:
        """The running supervisor."""
        assert self._up is not None
        return self._up

    @property
    def root(self) -> str:
        """Where the gateway listens."""
        return self.up.root

    def start(self) -> None:
        """Servers, product, and the rows of :mod:`tests.stack.control`."""
        self.postgres.start()
        self.redis.start()
        self._postgres.ensure_database()
        self._up = Up(
            self._directory,
            port=free_port(),
            HOST="127.0.0.1",
            WORKERS=str(WORKERS),
            DATABASE_URL=self.layout.database_url(),
            REDIS_URL=self.layout.redis_url(),
            STACK_UPSTREAM_KEY="sk-anything",
            GATEWAY_SPEC_TTL_S=f"{SPEC_TTL_S:g}",
            GATEWAY_BODY_TIMEOUT_S=str(BODY_TIMEOUT_S),
        )
        self._control = Control(self._up, self._directory / "control.log")
        self._up.wait_until_ready(90 * business())
        self.control("seed", *(f"http://127.0.0.1:{port}/v1" for port in self.upstream_ports))

    def stop(self) -> None:
        """Everything, whatever state the tests left it in."""
        self.redis.thaw()
        self.postgres.thaw()
        try:
            if self._control is not None:
                self._control.stop()
            if self._up is not None:
                self._up.stop()
        finally:
            self.redis.kill()
            self.postgres.kill()

    def control(self, *arguments: str) -> str:
        """One change by an operator; what it says."""
        assert self._control is not None
        return self._control.carry_out(*arguments).strip()

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of the product's database."""
        with psycopg.connect(self.layout.database_url(), connect_timeout=5) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    @asynccontextmanager
    async def lines_to_workers(self) -> AsyncIterator[dict[int, aiohttp.ClientSession]]:
        """One kept connection to each gateway worker, by its process number."""
        lines: dict[int, aiohttp.ClientSession] = {}
        deadline = time.monotonic() + WORKER_START_S
        try:
            while len(lines) < WORKERS:
                assert time.monotonic() < deadline, f"connections reach only {sorted(lines)}"
                port = free_port()
                session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=60, local_addr=("127.0.0.1", port)),
                    timeout=aiohttp.ClientTimeout(total=10),
                    headers={"authorization": f"Bearer {KEY}"},
                )
                pid = await self._peer(session, port)
                if pid and pid not in lines:
                    lines[pid] = session
                else:
                    await session.close()
                    await asyncio.sleep(0.05)
            yield lines
        finally:
            for session in lines.values():
                await session.close()

    async def _peer(self, session: aiohttp.ClientSession, port: int) -> int:
        async with session.get(f"{self.root}/health") as response:
            await response.read()
        for worker in self.up.web_workers():
            if any(connection.raddr and connection.raddr[1] == port for connection in worker.net_connections("tcp")):
                return worker.pid
        return 0

    async def health(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        """``/health/detailed`` of the worker that the session is connected to."""
        async with session.get(f"{self.root}/health/detailed") as response:
            assert response.status == 200
            return dict(await response.json())
