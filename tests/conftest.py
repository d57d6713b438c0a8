"""The servers of a test run, started once for all workers before the first test."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis as redis_sync
import redis.asyncio as redis_async
from django.contrib.staticfiles.handlers import StaticFilesHandler
from pytest_django import DjangoDbBlocker
from xdist.scheduler import LoadScopeScheduling

from controlplane.embedded.layout import Layout
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import EmbeddedServer, running
from events.engine import outlet
from tests.controlplane.demo.fixtures import demo_small  # noqa: F401 - a fixture for every folder
from tests.database import template
from tests.database.emptying import emptying
from tests.isolation.guard import TenantGuard
from tests.settings import RUN_DIR_VARIABLE

STACK = "tests/stack/"
TOLD = "tests/controlplane/demo/told/"
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


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """A worker takes whole files, and all files of folders that share more than a file does.

    Whole installations leave no room for others, and one demo is looked at by many.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in (STACK, TOLD) if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Tests of a file share what is expensive to make, and some look at what others would do to the same server."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker idles at the end."""
    ranks: dict[str, int] = {}
    for item in items:
        file = _file_of(item)
        rank = 0 if item.get_closest_marker("stack") else 1 if item.get_closest_marker("browser") else 2
        ranks[file] = min(rank, ranks.get(file, rank))
    # By file: within one, tests in a browser come last, for no other event loop runs beside that of Playwright.
    items.sort(key=lambda item: ranks[_file_of(item)])


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import are there to stay: nothing is gained by going through them again."""
    gc.collect()
    gc.freeze()


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _remove_dead_runs(parent: Path) -> None:
    """Directories of runs that were killed; each is named after its process."""
    for path in parent.glob("[0-9]*"):
        if not psutil.pid_exists(int(path.name)):
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """A server of the run's own goes as a whole; dropping a database waits for whoever is still connected."""
    return not os.environ.get("DATABASE_URL") or bool(request.config.getoption("reuse_db"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest,
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_createdb: bool,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """A worker of several has the database that it is going to ask for before it asks; nothing is left to migrate."""
    if hasattr(request.config, "workerinput") and not os.environ.get("DATABASE_URL") and not django_db_createdb:
        from django.db import connection

        with django_db_blocker.unblock():
            template.copy(Layout(Path(os.environ[RUN_DIR_VARIABLE])), connection.settings_dict["TEST"]["NAME"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit leave the database as it is now."""
    with django_db_blocker.unblock():
        emptying.remember()


@pytest.fixture(autouse=True)
def tenant_guard() -> Iterator[TenantGuard]:
    """No test passes in which the product reads rows of a tenant without saying of which."""
    guard = TenantGuard()
    with guard.installed():
        yield guard
    if guard.violations and os.environ.get("TENANT_GUARD") != "off":
        pytest.fail(
            "Filter by tenant, or say why not with contracts.tenant_scope.across_tenants():\n"
            + "\n".join(dict.fromkeys(guard.violations)),
            pytrace=False,
        )


@pytest.fixture(scope="module", autouse=True)
def _no_gateway_is_left_running() -> Iterator[None]:
    """One that a test started on a thread of its own would go on reading the database of the tests after it."""
    yield
    from gateway import process

    process.stop()


@pytest.fixture(autouse=True)
def _nobody_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a test runs no collector, so a gateway that stops in one would wait for it in vain."""
    monkeypatch.setattr(outlet, "DRAIN_S", 0.05)


@pytest.fixture(scope="session", autouse=True)
def _browsers_keep_static_files() -> Iterator[None]:
    """As in production, where their names tell their contents; or each page of a test asks for all of them again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesHandler, "serve", _served_to_be_kept(StaticFilesHandler.serve))
        yield


def _served_to_be_kept(serve: Callable[..., Any]) -> Callable[..., Any]:
    def kept(self: StaticFilesHandler, request: Any) -> Any:
        answer = serve(self, request)
        answer["Cache-Control"] = "public, max-age=3600"
        return answer

    return kept


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
