"""One installation for all tests of this directory that one test process runs, and upstreams for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.business import business
from tests.stack.installation import Installation, Up, free_port
from tests.stack.ledger import Figures
from tests.upstreams.openai import OpenAIUpstream
from tests.upstreams.server import UpstreamServer

FIRST_START_S = 90.0
"""With the packages there."""

Upstreams = tuple[UpstreamServer, UpstreamServer]


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """A short path, for sockets; kept when something failed to start so that its logs can be read."""
    path = Path(tempfile.mkdtemp(prefix="bw-stack-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_installation(directory: Path) -> Iterator[Installation]:
    installation = Installation(directory)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


class Fresh:
    """What `make run` starts in an empty directory, with servers of its own; started again by those who stop it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._port = free_port()
        self.up = self.start()

    def start(self) -> Up:
        """Start it (again), at its port and over its data."""
        self.up = Up(self.directory, port=self._port)
        return self.up


@pytest.fixture(scope="session")
def fresh() -> Iterator[Fresh]:
    """Ready for its first visitor. The tests of its life are the last that use it, by their file's name."""
    directory = Path(tempfile.mkdtemp(prefix="bw-fresh-"))
    fresh = Fresh(directory)
    try:
        fresh.up.wait_until_ready(FIRST_START_S * business())
        yield fresh
    finally:
        fresh.up.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def installation(shared_installation: Installation) -> Installation:
    """The running product, with both servers and both gateway workers there."""
    return shared_installation


@pytest.fixture
async def upstreams(installation: Installation) -> AsyncIterator[Upstreams]:
    """The two providers of the route, both healthy."""
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(UpstreamServer(OpenAIUpstream(), port=port))
            for port in installation.upstream_ports
        ]
        yield first, second


@pytest.fixture
def report(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[Figures], None]:
    """Put a fault's figures into the test report, and on the terminal with ``-s``."""

    def say(figures: Figures) -> None:
        record_property("figures", str(figures))
        print(f"\n{request.node.name}: {figures}")

    return say
