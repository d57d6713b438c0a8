"""Daily partitions of events and the usage ledger: made ahead of time, dropped whole when past retention."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

EVENTS: Final = "events_event"
LEDGER: Final = "events_usage"
AHEAD_DAYS: Final = 3
LOCK_KEY: Final = 0x6576656E7473
"""Advisory lock: one collector at a time makes and drops partitions ("events" in hex)."""
_DAY: Final = re.compile(r"_(\d{4})_(\d\d)_(\d\d)")
_ONE_PER_CALL: Final = (
    "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (correlation_id, tenant_id) WHERE correlation_id <> ''"
)

Connection = psycopg.AsyncConnection[Any]


def partition_name(day: date, table: str = EVENTS) -> str:
    """The table that holds the rows of a UTC day."""
    return f"{table}_{day:%Y_%m_%d}"


def day_of(name: str, table: str = EVENTS) -> date | None:
    """The inverse of :func:`partition_name`; None for other tables."""
    match = _DAY.fullmatch(name.removeprefix(table)) if name.startswith(table) else None
    return date(*map(int, match.groups())) if match else None


async def existing_days(connection: Connection) -> set[date]:
    """Days that have a partition of both tables now."""
    return await _days(connection, EVENTS) & await _days(connection, LEDGER)


async def create(connection: Connection, days: Iterable[date]) -> None:
    """Make the partitions of these days unless they are there. Needs an autocommit connection.

    Each is made aside and attached, so that the table's readers and writers wait for nothing.
    """
    wanted = set(days)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        for table in (EVENTS, LEDGER):
            for day in sorted(wanted - await _days(connection, table)):
                await _create(connection, table, day)


async def drop_before(connection: Connection, first_kept: date) -> list[date]:
    """Drop the events of earlier days; the days dropped. Needs an autocommit connection."""
    dropped = []
    for name, detaching in await _partitions(connection, EVENTS):
        day = day_of(name)
        if day is not None and day < first_kept:
            await _drop(connection, EVENTS, name, detaching=detaching)
            dropped.append(day)
    return dropped


async def drop_emptied_before(connection: Connection, first_kept: date) -> list[date]:
    """Drop the ledger's partitions of earlier days in which retention has left nothing; the days dropped.

    Of a day that is no longer taken from the bus, so that nothing can be written to it meanwhile. Needs an autocommit
    connection.
    """
    dropped = []
    for name, detaching in await _partitions(connection, LEDGER):
        day = day_of(name, LEDGER)
        if day is not None and day < first_kept and (detaching or await _empty(connection, name)):
            await _drop(connection, LEDGER, name, detaching=detaching)
            dropped.append(day)
    return dropped


async def _create(connection: Connection, table: str, day: date) -> None:
    name = sql.Identifier(partition_name(day, table))
    parent = sql.Identifier(table)
    await connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE {} INCLUDING ALL)").format(name, parent))
    if table == LEDGER:
        index = sql.Identifier(f"{partition_name(day, table)}_call")
        await connection.execute(sql.SQL(_ONE_PER_CALL).format(index, name))
    await connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent,
            name,
            sql.Literal(f"{day} 00:00:00+00"),
            sql.Literal(f"{day + timedelta(days=1)} 00:00:00+00"),
        )
    )


async def _drop(connection: Connection, table: str, name: str, *, detaching: bool) -> None:
    # Detached concurrently first: the table is never locked against its users.
    mode = sql.SQL("FINALIZE") if detaching else sql.SQL("CONCURRENTLY")
    await connection.execute(
        sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(sql.Identifier(table), sql.Identifier(name), mode)
    )
    await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


async def _empty(connection: Connection, name: str) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name))
    row = await (await connection.execute(query)).fetchone()
    return row is not None and not row[0]


async def _days(connection: Connection, table: str) -> set[date]:
    names = await _partitions(connection, table)
    return {day for name, _ in names if (day := day_of(name, table)) is not None}


async def _partitions(connection: Connection, table: str) -> list[tuple[str, bool]]:
    cursor = await connection.execute(
        "SELECT c.relname, i.inhdetachpending FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass ORDER BY c.relname",
        [table],
    )
    return await cursor.fetchall()
