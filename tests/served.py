"""ASGI applications behind the product's own HTTP server, on a socket of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import uvicorn

from controlplane.web.listener import listen
from controlplane.web.worker import config

Application = Callable[[Any, Any, Any], Any]


class _Server(uvicorn.Server):
    """Starts and stops at once: hundreds of tests would wait a tenth of a second for either."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.over = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the test runner's own signals alone."""
        yield

    async def main_loop(self) -> None:
        """Until it is over."""
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No client is waited for."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in self.server_state.tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def served(application: Application) -> AsyncIterator[int]:
    """The port at which the application answers, without its lifespan."""
    server = _Server(config(application, stop_s=1, lifespan="off"))
    with listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.over.set()
            await asyncio.wait_for(task, 10)
