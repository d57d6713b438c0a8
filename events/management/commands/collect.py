"""``manage.py collect``: run the event collector until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from contracts.ids import new_span_id
from events.collector.collector import Collector
from events.collector.database import conninfo
from events.collector.metrics import CollectorMetrics
from events.collector.store import EventStore
from events.engine.bus import RedisCollectorBus
from events.engine.metric_files import archive_dead_processes, share_between_processes
from events.engine.shipper import Shipper
from events.engine.shipper_bus import RedisShipperBus
from events.live.sink import ChannelsSink


class Command(BaseCommand):
    """Moves events from Redis to PostgreSQL and to live pages."""

    help = "Run the event collector until SIGTERM or Ctrl-C. Several may run at once, on one machine or many."
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The collector's knobs."""
        parser.add_argument(
            "--name", default="", help="Name in the consumer group; must be unique. Default: host, pid."
        )
        parser.add_argument(
            "--claim-idle-ms", type=int, default=10_000, help="Take over what another collector left for so long."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        asyncio.run(collect(options["name"], claim_idle_ms=options["claim_idle_ms"]))


async def collect(name: str, *, claim_idle_ms: int) -> None:
    """Collect, and ship what dead processes of this machine left in their spools, until a signal ends it."""
    share_between_processes(Path(settings.PROMETHEUS_MULTIPROC_DIR))
    archive_dead_processes(Path(settings.PROMETHEUS_MULTIPROC_DIR))
    collector = Collector(
        bus=RedisCollectorBus.from_url(settings.REDIS_URL),
        store=EventStore(conninfo(), retention=timedelta(days=settings.EVENT_RETENTION_DAYS)),
        sink=ChannelsSink(),
        metrics=CollectorMetrics(),
        consumer=name or f"{socket.gethostname()}-{os.getpid()}-{new_span_id()[:6]}",
        claim_idle_ms=claim_idle_ms,
    )
    shipper = Shipper(RedisShipperBus.from_url(settings.REDIS_URL), root=Path(settings.SPOOL_DIR))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, collector.stop)
    shipping = asyncio.create_task(shipper.run(), name="adopted spools")
    try:
        await collector.run()
    finally:
        await shipper.stop(drain_s=0)
        await shipping
