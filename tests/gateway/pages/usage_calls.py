"""Calls in the ledger, for pages about usage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from contracts.events import EventPayload
from events.collector.database import conninfo
from events.collector.store import EventStore
from tenants.models import Tenant
from tests.events.ledger.ledger_tables import bill

Bill = Callable[..., None]


@pytest.fixture
def billed() -> Bill:
    """``billed(tenant, call(...), ...)`` writes calls through the collector's store."""

    def write(tenant: Tenant, *calls: tuple[EventPayload, Any]) -> None:
        # In a thread: a browser's loop may be under way in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _write(conninfo(), str(tenant.pk), *calls)).result()

    return write


async def _write(address: str, tenant_id: str, *calls: tuple[EventPayload, Any]) -> None:
    store = EventStore(address, retention=timedelta(days=400))
    try:
        await bill(store, *calls, tenant_id=tenant_id)
    finally:
        await store.aclose()
