"""The servers of a test run, started once for all workers before the first test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import redis as redis_sync
import redis.asyncio as redis_async

from controlplane.embedded.layout import Layout
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import EmbeddedServer, running
from tests.settings import RUN_DIR_VARIABLE

_servers = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Start what DATABASE_URL and REDIS_URL do not name; workers of pytest-xdist find it running."""
    if hasattr(config, "workerinput") or config.option.help or config.option.collectonly:
        return
    layout = Layout(Path(os.environ[RUN_DIR_VARIABLE]))
    wanted: list[EmbeddedServer] = []
    if not os.environ.get("DATABASE_URL"):
        wanted.append(EmbeddedPostgres(layout, durable=False))
    if not os.environ.get("REDIS_URL"):
        wanted.append(EmbeddedRedis(layout, durable=False))
    stack = config.stash[_servers] = ExitStack()
    _remove_dead_runs(layout.var_dir.parent)
    layout.var_dir.mkdir(parents=True, exist_ok=True)
    stack.callback(shutil.rmtree, layout.var_dir, ignore_errors=True)
    if layout.socket_root.is_relative_to("/tmp"):
        stack.callback(shutil.rmtree, layout.socket_root, ignore_errors=True)
    stack.enter_context(running(wanted, layout.logs))
    for server in wanted:
        if isinstance(server, EmbeddedPostgres):
            server.ensure_database()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and remove their data."""
    stack = config.stash.get(_servers, None)
    if stack is not None:
        stack.close()


def _remove_dead_runs(parent: Path) -> None:
    """Directories of runs that were killed; each is named after its process."""
    for path in parent.glob("[0-9]*"):
        if not psutil.pid_exists(int(path.name)):
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis database that no other worker uses."""
    from django.conf import settings

    return str(settings.REDIS_URL)


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis_sync.Redis]:
    """A synchronous client of an empty database."""
    client = redis_sync.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[redis_async.Redis]:
    """An asyncio client of an empty database."""
    client = redis_async.Redis.from_url(redis_url)
    await client.flushdb()
    yield client
    await client.flushdb()
    await client.aclose()
