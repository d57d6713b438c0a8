"""Runs for the data plane's ``GET /v1/runs/{correlation_id}``: the one read there that asks PostgreSQL."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections

from contracts.errors import ServiceUnavailable
from events.selectors import run_of

log = logging.getLogger(__name__)


class DjangoRunReader:
    """Reads runs through Django in threads of its own, so that no other view waits for them."""

    def __init__(self, *, threads: int = 2) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="runs")

    async def read(self, tenant_id: str, correlation_id: str) -> dict[str, Any] | None:
        """The run as JSON-able values; None when the tenant has no such run (yet).

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        if "\x00" in correlation_id:
            return None
        try:
            return await sync_to_async(_read, thread_sensitive=False, executor=self._threads)(tenant_id, correlation_id)
        except DatabaseError as error:
            log.warning("A run could not be read: %s", error)
            raise ServiceUnavailable("Runs cannot be read at the moment. Try again shortly.") from error

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _read(tenant_id: str, correlation_id: str) -> dict[str, Any] | None:
    close_old_connections()
    try:
        return run_of(tenant_id, correlation_id)
    finally:
        close_old_connections()
