"""The whole installation: servers, data, processes. Started in this order, stopped in the reverse."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import aiohttp

from controlplane.embedded.command import EmbeddedServerError, ServerCommand
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import EmbeddedServer
from controlplane.settings.env import Environment
from controlplane.supervisor import programs
from controlplane.supervisor.announcement import announcement
from controlplane.supervisor.checks import check_database, check_disk, check_port, check_redis
from controlplane.supervisor.child import Child, Say
from controlplane.supervisor.errors import CannotStart
from controlplane.supervisor.first_data import Ready, prepare_data

_SERVER_READY_S = 60.0
_WEB_READY_S = 60.0


class Installation:
    """Runs until it is told to stop by SIGINT or SIGTERM; a second signal makes it hurry."""

    def __init__(self, env: Environment, say: Say) -> None:
        self._env = env
        self._say = say
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._began = time.monotonic()
        self._postgres = EmbeddedPostgres(env.layout)
        self._redis = EmbeddedRedis(env.layout)
        self._groups: list[list[Child]] = []

    async def run(self) -> None:
        """Start everything, keep it running, stop it in order.

        Raises:
            CannotStart: something did not come up; what had been started is stopped again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await stopping
        finally:
            stopping.cancel()
            starting.cancel()
            await self._stop_all()

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
            return
        self._say("Stopping (again to stop at once) ...")
        self._stop.set()

    async def _start(self) -> None:
        env = self._env
        try:
            await asyncio.to_thread(check_disk, env.layout.var_dir)
            check_port(env.host, env.port)
            self._say(f"Starting Breakwater in {env.layout.var_dir} ...")
            await self._start_servers()
            self._say("Preparing the database ...")
            ready = await asyncio.to_thread(prepare_data, env)
        except EmbeddedServerError as error:
            raise CannotStart(str(error)) from error
        await self._start_programs()
        self._announce(ready)

    async def _start_servers(self) -> None:
        env = self._env
        waits: list[Coroutine[Any, Any, None]] = []
        if env.database_embedded:
            waits.append(self._start_server(self._postgres, stop_s=30))
        else:
            waits.append(asyncio.to_thread(check_database, env.database_url))
        if env.redis_embedded:
            waits.append(self._start_server(self._redis, stop_s=20))
        else:
            waits.append(asyncio.to_thread(check_redis, env.redis_url))
        await asyncio.gather(*waits)
        if env.database_embedded:
            await asyncio.to_thread(self._postgres.ensure_database)

    async def _start_server(self, server: EmbeddedServer, *, stop_s: float) -> None:
        child = self._child(server.name, server.prepare, stop_s=stop_s)
        self._groups.append([child])
        child.start()
        await child.until_ready(partial(asyncio.to_thread, server.is_ready), within_s=_SERVER_READY_S)

    async def _start_programs(self) -> None:
        env = self._env
        collector = self._child("collector", partial(programs.collector, env), stop_s=15)
        worker = self._child("worker", partial(programs.worker, env), stop_s=20)
        beat = self._child("beat", partial(programs.beat, env), stop_s=20)
        web = self._child("web", partial(programs.web, env), stop_s=programs.STOP_S + 5)
        # Web last in, first out: what it emits on its way out still finds a collector.
        self._groups += [[collector], [worker, beat], [web]]
        collector.start()
        web.start()
        await web.until_ready(_answers(env), within_s=_WEB_READY_S)
        # Later than the rest: the first answer must not wait for three more interpreters.
        worker.start()
        beat.start()

    def _child(self, name: str, prepare: Callable[[], ServerCommand], *, stop_s: float) -> Child:
        return Child(name, prepare, log_dir=self._env.layout.logs, say=self._say, stop_s=stop_s)

    def _announce(self, ready: Ready) -> None:
        self._say(announcement(self._env, ready, time.monotonic() - self._began))

    async def _stop_all(self) -> None:
        servers = [group for group in self._groups if group[0].name in (self._postgres.name, self._redis.name)]
        servers.sort(key=lambda group: group[0].name != self._redis.name)
        ours = [group for group in reversed(self._groups) if group not in servers]
        for group in [*ours, *servers]:
            await asyncio.gather(*(child.stop(self._hurry) for child in group))
        if self._groups:
            self._say("Stopped.")


def _answers(env: Environment) -> Callable[[], Awaitable[bool]]:
    host = "127.0.0.1" if env.host in ("0.0.0.0", "::", "") else env.host  # noqa: S104 - not bound, compared
    url = f"http://{f'[{host}]' if ':' in host else host}:{env.port}/health"

    async def answers() -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(url) as response,
            ):
                return response.status < 500
        except (aiohttp.ClientError, TimeoutError):
            return False

    return answers
