"""How the ledger is read: as of one instant, and from an event loop on threads that no other view waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, transaction

from contracts.errors import ServiceUnavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Everything read within is as of one instant, unless a transaction was under way already."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not connection.savepoint_ids:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Sums of ten thousand groups fit, and nothing goes through files.
            cursor.execute("SET LOCAL work_mem = '64MB'")
        yield


class LedgerThreads:
    """Runs selectors with Django's connection of each thread."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, select: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``select`` returns.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        try:
            return await sync_to_async(_with_connection, thread_sensitive=False, executor=self._threads)(
                lambda: select(*args, **kwargs)
            )
        except DatabaseError as error:
            log.warning("The usage ledger could not be read: %s", error)
            raise ServiceUnavailable("The usage ledger cannot be read at the moment. Try again shortly.") from error

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _with_connection(select: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return select()
    finally:
        close_old_connections()
