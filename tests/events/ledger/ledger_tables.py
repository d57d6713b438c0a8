"""A ledger to fill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, connections

from contracts.events import EventPayload
from events.collector.database import conninfo
from events.collector.store import EventStore
from tests.events.builders import TENANT, batch, completed, context, line


@asynccontextmanager
async def opened_store() -> AsyncIterator[EventStore]:
    """A collector's store."""
    store = EventStore(await sync_to_async(conninfo)(), retention=timedelta(days=60))
    try:
        yield store
    finally:
        await store.aclose()
        # The thread in which a test has asked has a connection of its own.
        await sync_to_async(connections.close_all)()


async def bill(store: EventStore, *calls: tuple[EventPayload, datetime], tenant_id: str = TENANT) -> list[str]:
    """Write ends of calls at these instants; their correlation ids."""
    contexts = [context(tenant_id=tenant_id) for _ in calls]
    lines = [line(payload, of, at) for (payload, at), of in zip(calls, contexts, strict=True)]
    spool_id = contexts[0].correlation_id
    await store.write([batch(b"".join(text + b"\n" for text in lines), spool_id=spool_id)])
    return [of.correlation_id for of in contexts]


def call(at: datetime, cost: int | None = 1_000, **fields: Any) -> tuple[EventPayload, datetime]:
    """A completed call."""
    return completed(cost_nanousd=cost, **fields), at


def query(sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or [])
        return cursor.fetchall()
