"""One installation for all tests of this directory that one test process runs, and upstreams for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.stack.installation import Installation
from tests.stack.ledger import Figures
from tests.upstreams.openai import OpenAIUpstream
from tests.upstreams.server import UpstreamServer

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
