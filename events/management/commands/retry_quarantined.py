"""``manage.py retry_quarantined``: store what was kept aside and is an event after all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from events.collector.database import conninfo
from events.collector.store import EventStore, StoreUnavailable


class Command(BaseCommand):
    """Goes through the whole quarantine once."""

    help = "Store quarantined lines that are events by now, as after an upgrade. The rest stays."

    def handle(self, *args: Any, **options: Any) -> None:
        """Retry."""
        try:
            stored, kept = asyncio.run(_retry(conninfo()))
        except StoreUnavailable as error:
            raise CommandError(f"PostgreSQL cannot be reached: {error}") from error
        self.stdout.write(f"{stored} events stored, {kept} lines stay in quarantine")


async def _retry(address: str) -> tuple[int, int]:
    store = EventStore(address, retention=timedelta(days=settings.EVENT_RETENTION_DAYS))
    try:
        stored, kept = await store.retry_quarantined()
    finally:
        await store.aclose()
    return len(stored), kept
