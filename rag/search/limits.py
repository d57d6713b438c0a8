"""Statements that end in time: what they are given, and how their failures are called."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from psycopg.errors import QueryCanceled


class Deadline:
    """When a search has to be over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left_s(self, share: float = 1.0) -> float:
        """Seconds that are left, or a share of them; at least a millisecond."""
        return max(0.001, (self._ends - time.monotonic()) * share)


@contextmanager
def cursor_for(seconds: float) -> Iterator[Any]:
    """A cursor within a transaction (or a savepoint) whose statements are cancelled after so long."""
    within = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(seconds * 1_000)))])
        yield cursor
        if within:
            # The caller has a transaction of its own, which goes on without the limit.
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")


def failure(part: str, error: DatabaseError | InterfaceError) -> str:
    """Why a part of a search was left out."""
    return f"{part}_slow" if isinstance(error.__cause__, QueryCanceled) else f"{part}_failed"
