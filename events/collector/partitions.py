"""Daily partitions of the event table: made ahead of time, dropped whole when their day is past retention."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

TABLE: Final = "events_event"
AHEAD_DAYS: Final = 3
LOCK_KEY: Final = 0x6576656E7473
"""Advisory lock: one collector at a time makes and drops partitions ("events" in hex)."""
_NAME: Final = re.compile(TABLE + r"_(\d{4})_(\d\d)_(\d\d)")

Connection = psycopg.AsyncConnection[Any]


def partition_name(day: date) -> str:
    """The table that holds the events of a UTC day."""
    return f"{TABLE}_{day:%Y_%m_%d}"


def day_of(name: str) -> date | None:
    """The inverse of :func:`partition_name`; None for other tables."""
    match = _NAME.fullmatch(name)
    return date(*map(int, match.groups())) if match else None


async def existing_days(connection: Connection) -> set[date]:
    """Days that have a partition now."""
    return {day for name, _ in await _partitions(connection) if (day := day_of(name)) is not None}


async def create(connection: Connection, days: Iterable[date]) -> None:
    """Make the partitions of these days unless they are there. Needs an autocommit connection.

    Each is made aside and attached, so that the table's readers and writers wait for nothing.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        present = await existing_days(connection)
        for day in sorted(set(days) - present):
            name = sql.Identifier(partition_name(day))
            parent = sql.Identifier(TABLE)
            await connection.execute(
                sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE {} INCLUDING ALL)").format(name, parent)
            )
            await connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                    parent,
                    name,
                    sql.Literal(f"{day} 00:00:00+00"),
                    sql.Literal(f"{day + timedelta(days=1)} 00:00:00+00"),
                )
            )


async def drop_before(connection: Connection, first_kept: date) -> list[date]:
    """Drop the partitions of earlier days; the days dropped. Needs an autocommit connection.

    A partition is detached concurrently first: the table is never locked against its users.
    """
    dropped = []
    for name, detaching in await _partitions(connection):
        day = day_of(name)
        if day is None or day >= first_kept:
            continue
        mode = sql.SQL("FINALIZE") if detaching else sql.SQL("CONCURRENTLY")
        await connection.execute(
            sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(sql.Identifier(TABLE), sql.Identifier(name), mode)
        )
        await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        dropped.append(day)
    return dropped


async def _partitions(connection: Connection) -> list[tuple[str, bool]]:
    cursor = await connection.execute(
        "SELECT c.relname, i.inhdetachpending FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass ORDER BY c.relname",
        [TABLE],
    )
    return await cursor.fetchall()
