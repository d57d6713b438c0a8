"""How one process gets its events out: spool, emitter, metrics and shipper, put together."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path

from events.engine.emitter import SpoolEmitter
from events.engine.metric_files import archive_dead_processes, share_between_processes
from events.engine.metrics import GatewayMetrics
from events.engine.shipper import Shipper
from events.engine.shipper_bus import RedisShipperBus
from events.engine.spool import Spool

log = logging.getLogger(__name__)

METRICS_FLUSH_S = 1.0

DRAIN_S = 5.0
"""How long a process that stops waits for its last events to be confirmed."""

_started: EventOutlet | None = None
_started_in = 0


class EventOutlet:
    """The event side of one process. ``emitter`` works from construction on; shipping runs from start to stop."""

    def __init__(self, *, spool: Spool, emitter: SpoolEmitter, metrics: GatewayMetrics, shipper: Shipper) -> None:
        self.spool = spool
        self.emitter = emitter
        self.metrics = metrics
        self.shipper = shipper
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin shipping and moving metrics, on the running loop. Never fails for a bus that is down."""
        global _started, _started_in
        _started, _started_in = self, os.getpid()
        self._tasks = [
            asyncio.create_task(self.shipper.run(), name="event shipper"),
            asyncio.create_task(self._flush_metrics(), name="metrics"),
        ]

    async def stop(self, drain_s: float | None = None) -> None:
        """Write and ship the rest, waiting at most ``drain_s`` (unless said, DRAIN_S) for PostgreSQL to confirm it.

        What is unconfirmed then stays on disk, and another process of this host ships it.
        """
        global _started
        if _started is self:
            _started = None
        self.emitter.flush()
        await self.shipper.stop(DRAIN_S if drain_s is None else drain_s)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        self.metrics.flush()

    async def _flush_metrics(self) -> None:
        while True:
            await asyncio.sleep(METRICS_FLUSH_S)
            self.metrics.flush()


def started_outlet() -> EventOutlet | None:
    """The outlet that runs in this process, for whatever was not handed its emitter; None in a forked child."""
    return _started if _started_in == os.getpid() else None


def build(
    *,
    spool_dir: Path,
    redis_url: str,
    service_name: str,
    env: str,
    spool_max_bytes: int = 1 << 30,
    metrics_dir: Path | None = None,
    tenant_limit: int = 200,
) -> EventOutlet:
    """The outlet of this process; call once per process, in the process that uses it (after any fork).

    ``outlet.emitter`` is the :class:`contracts.ports.Emitter` to hand around, ``outlet.metrics.render()`` the text of
    ``/metrics`` (over all processes that share ``metrics_dir``). Await ``outlet.start()`` on the loop that serves and
    ``outlet.stop()`` before it ends. With Redis down everything works and events stay in ``spool_dir``.

    Raises:
        OSError: ``spool_dir`` or ``metrics_dir`` cannot be made or written.
    """
    if metrics_dir is not None:
        share_between_processes(metrics_dir)
        archive_dead_processes(metrics_dir)
    metrics = GatewayMetrics(tenant_limit=tenant_limit)
    spool = Spool.open(spool_dir, max_bytes=spool_max_bytes)
    emitter = SpoolEmitter(spool, service_name=service_name, env=env, observer=metrics)
    bus = RedisShipperBus.from_url(redis_url)
    shipper = Shipper(bus, root=spool_dir, own=spool, emitter=emitter, observer=metrics)
    return EventOutlet(spool=spool, emitter=emitter, metrics=metrics, shipper=shipper)
