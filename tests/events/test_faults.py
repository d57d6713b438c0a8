"""Faults caused for real, on servers of this module's own: every emitted event is in PostgreSQL exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from controlplane.embedded.layout import Layout
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import running
from events.engine.bus import COLLECTORS
from events.engine.spool import Spool, complete_bytes

ROOT = Path(__file__).parent.parent.parent
DEADLINE_S = 40.0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


class Stack:
    """A PostgreSQL, a Redis and a spool directory, all private."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory)
        self.spools = directory / "spool"
        self._postgres, self._redis = ExitStack(), ExitStack()
        self._processes: list[subprocess.Popen[str]] = []

    def start_postgres(self) -> None:
        server = EmbeddedPostgres(self.layout, durable=False)
        self._postgres.enter_context(running([server], self.layout.logs))
        server.ensure_database()

    def stop_postgres(self) -> None:
        self._postgres.close()

    def start_redis(self) -> None:
        self._redis.enter_context(running([EmbeddedRedis(self.layout, durable=False)], self.layout.logs))

    def stop_redis(self) -> None:
        """It keeps nothing on disk: what was in it is lost."""
        self._redis.close()

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BREAKWATER_TEST")}
        return {
            **kept,
            "DATABASE_URL": self.layout.database_url(),
            "REDIS_URL": self.layout.redis_url(),
            "VAR_DIR": str(self.layout.var_dir),
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "PYTHONPATH": str(ROOT),
        }

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "events", "--skip-checks", "-v0"],
            cwd=ROOT,
            env=self.environment(),
            check=True,
        )

    def collector(self) -> subprocess.Popen[str]:
        return self.run("manage.py", "collect", "--claim-idle-ms", "1000")

    def emitter(self, prefix: str, *, ship: bool = True) -> subprocess.Popen[str]:
        mode = "ship" if ship else "keep"
        process = self.run(
            "-m", "tests.events.emitting_process", str(self.spools), self.layout.redis_url(), prefix, mode
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.layout.database_url(), connect_timeout=5) as connection:
            return connection.execute(statement).fetchall()

    def stored(self, prefix: str) -> tuple[int, int]:
        """Rows, and distinct events among them."""
        (row,) = self.query(
            f"SELECT count(*), count(DISTINCT correlation_id) FROM events_event WHERE correlation_id LIKE '{prefix}-%'"
        )
        return row[0], row[1]

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._redis.close()
        self._postgres.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    servers = Stack(tmp_path_factory.mktemp("faults"))
    try:
        servers.start_postgres()
        servers.start_redis()
        servers.migrate()
        yield servers
    finally:
        servers.end()


@pytest.fixture
def collector(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    process = stack.collector()
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def finished(emitter: subprocess.Popen[str]) -> int:
    """Tell the emitter to end; the number of events it emitted."""
    output, _ = emitter.communicate("stop\n", timeout=60)
    assert emitter.returncode == 0
    return int(output)


def emitted_until_killed(stack: Stack) -> int:
    (path,) = [path for path in Spool.abandoned(stack.spools) if any(path.glob("*.ndjson"))]
    return sum(segment.read_bytes()[: complete_bytes(segment)].count(b"\n") for segment in path.glob("*.ndjson"))


@pytest.mark.timeout(180)
def test_what_a_killed_process_left_in_its_spool_arrives(stack: Stack, collector: subprocess.Popen[str]):
    emitter = stack.emitter("killed", ship=False)
    emitter.kill()
    emitter.wait()
    count = emitted_until_killed(stack)
    assert count >= 100
    until(lambda: stack.stored("killed") == (count, count), "the adopted spool was stored")
    until(lambda: list(stack.spools.iterdir()) == [], "the adopted spool was removed")


@pytest.mark.timeout(180)
def test_events_that_redis_lost_are_sent_again(stack: Stack, collector: subprocess.Popen[str]):
    emitter = stack.emitter("redis")
    until(lambda: stack.stored("redis")[0] > 0, "events flow")
    collector.send_signal(signal.SIGSTOP)
    try:
        client = redis.Redis.from_url(stack.layout.redis_url())
        until(lambda: int(client.xlen("events")) > 0, "batches wait in Redis")
        stack.stop_redis()
        time.sleep(0.5)  # an outage, not a condition: events are emitted meanwhile
        stack.start_redis()
    finally:
        collector.send_signal(signal.SIGCONT)
    count = finished(emitter)
    until(lambda: stack.stored("redis") == (count, count), "everything was stored")


@pytest.mark.timeout(180)
def test_a_stopped_postgresql_is_waited_for(stack: Stack, collector: subprocess.Popen[str]):
    emitter = stack.emitter("postgres")
    until(lambda: stack.stored("postgres")[0] > 0, "events flow")
    stack.stop_postgres()
    time.sleep(0.5)  # an outage, not a condition
    assert emitter.poll() is None
    stack.start_postgres()
    count = finished(emitter)
    until(lambda: stack.stored("postgres") == (count, count), "everything was stored")


@pytest.mark.timeout(180)
def test_another_collector_takes_over_from_a_killed_one(stack: Stack):
    first = stack.collector()
    emitter = stack.emitter("takeover")
    until(lambda: stack.stored("takeover")[0] > 0, "events flow")
    first.kill()
    first.wait()
    second, third = stack.collector(), stack.collector()
    until(lambda: stack.stored("takeover")[0] > 200, "events flow again")
    count = finished(emitter)
    until(lambda: stack.stored("takeover") == (count, count), "everything was stored")
    client = redis.Redis.from_url(stack.layout.redis_url())
    # The killed one is still listed: it could not say goodbye.
    until(lambda: int(client.hlen(COLLECTORS)) == 3, "both collectors run")
    for process in (second, third):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert stack.query("SELECT count(*) FROM events_quarantinedevent") == [(0,)]
    (runs,) = stack.query("SELECT count(*) FROM events_run WHERE correlation_id LIKE 'takeover-%'")
    assert runs == (count,)
