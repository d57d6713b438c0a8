"""Statements that end in time: how they are sent, and how their failures are called."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

from django.db import DatabaseError, InterfaceError, connection, transaction
from psycopg.errors import QueryCanceled

Rows = list[tuple[Any, ...]]
Statement = tuple[str, Mapping[str, Any]]
"""SQL with named parameters, and their values."""

Setting = str | list[str]
"""A list stands as PostgreSQL writes an array."""

NONE: Final[Mapping[str, Setting]] = {}


class Deadline:
    """When a search has to be over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left_s(self, share: float = 1.0) -> float:
        """Seconds that are left, or a share of them; at least a millisecond."""
        return max(0.001, (self._ends - time.monotonic()) * share)


class Asking:
    """Puts questions to PostgreSQL, each of which is cancelled after a time.

    A search consists of small statements, and going to PostgreSQL and back takes them as long as the answer. So a
    question is one message, with the settings that go with it; PostgreSQL takes a message for a transaction, after
    which settings are as before.
    """

    def __init__(self, seconds: float) -> None:
        self._timeout = {"statement_timeout": str(max(1, int(seconds * 1_000)))}

    def rows(self, sql: str, values: Mapping[str, Any], settings: Mapping[str, Setting] = NONE) -> Rows:
        """What one statement finds.

        Raises:
            DatabaseError: it failed, or took too long.
        """
        return self.all([(sql, values)], settings)[0]

    def all(self, statements: Sequence[Statement], settings: Mapping[str, Setting] = NONE) -> list[Rows]:
        """What each of them finds; with settings that are in force meanwhile, the last one set last.

        Raises:
            DatabaseError: one of them failed, or took too long.
            ValueError: a name stands for one thing here and another there.
        """
        settings = self._timeout | dict(settings)
        within = connection.in_atomic_block
        message = [_setting(settings), *(sql for sql, _ in statements)]
        if within:
            # The caller has a transaction of its own, which goes on without them.
            message += [f"SET LOCAL {name} = DEFAULT" for name in reversed(settings)]
        with transaction.atomic() if within else nullcontext(), connection.cursor() as cursor:
            cursor.execute(";".join(message), _together([settings, *(values for _, values in statements)]))
            found = []
            for _ in statements:
                cursor.nextset()
                found.append(cursor.fetchall())
            return found


def _setting(settings: Mapping[str, Setting]) -> str:
    calls = (
        f"set_config('{name}', %({name})s{'::varchar[]::text' if isinstance(value, list) else ''}, true)"
        for name, value in settings.items()
    )
    return f"SELECT {', '.join(calls)}"


def _together(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of a whole message: it is put together once, which for each statement by itself takes far longer."""
    values: dict[str, Any] = {}
    for one in given:
        for name, value in one.items():
            if values.setdefault(name, value) is not value:
                raise ValueError(f"{name!r} stands for two things.")
    return values


def failure(part: str, error: DatabaseError | InterfaceError) -> str:
    """Why a part of a search was left out."""
    return f"{part}_slow" if isinstance(error.__cause__, QueryCanceled) else f"{part}_failed"
