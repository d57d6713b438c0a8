"""The collector's side of PostgreSQL: one transaction per batch of deliveries.

Events, runs, the usage ledger and spool positions are committed together, so after any crash the positions say exactly
what is in.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg

from events.collector import partitions
from events.collector.incoming import EventDecoder, Incoming, Refused, days_of
from events.collector.positions import Progress, progress_from_row
from events.collector.runs import FACTS, RunFacts, merged_runs
from events.engine.bus import Batch
from events.engine.spool import Position
from events.ledger import writing
from events.traffic.writing import add_counts, drop_old

log = logging.getLogger(__name__)

LOST_AFTER: Final = timedelta(hours=1)
"""A call that started so long ago and has not ended lost its worker; no route may run as long."""
DELETE_BATCH: Final = 10_000

_EVENT_COLUMNS: Final = (
    "event_id, occurred_at, event_type, schema_version, layer, service_name, env, tenant_id, trace_id, span_id,"
    " correlation_id, payload"
)
_RUN_COLUMNS: Final = ", ".join(("correlation_id", "tenant_id", "trace_id", "state", "started_at", "ended_at", *FACTS))
_TEMPORARY: Final[LiteralString] = (
    """
CREATE TEMP TABLE IF NOT EXISTS incoming_event (LIKE events_event) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS incoming_run (LIKE events_run) ON COMMIT DELETE ROWS;
"""
    + writing.TEMPORARY
)
_COPY_EVENTS: Final = f"COPY incoming_event ({_EVENT_COLUMNS}) FROM STDIN"
_INSERT_EVENTS: Final = (
    f"INSERT INTO events_event ({_EVENT_COLUMNS}) SELECT {_EVENT_COLUMNS} FROM incoming_event"  # noqa: S608 - constants
    # In one order, so that collectors with the same events wait for each other and never both for both.
    " ORDER BY event_id ON CONFLICT DO NOTHING RETURNING event_id::text"
)
_COPY_RUNS: Final = f"COPY incoming_run ({_RUN_COLUMNS}) FROM STDIN"
_LATER_WINS: Final = ", ".join(
    f"{column} = CASE WHEN EXCLUDED.state >= run.state THEN COALESCE(EXCLUDED.{column}, run.{column})"
    f" ELSE COALESCE(run.{column}, EXCLUDED.{column}) END"
    for column in ("ended_at", *FACTS)
)
_MERGE_RUNS: Final = (
    f"INSERT INTO events_run AS run ({_RUN_COLUMNS}) SELECT {_RUN_COLUMNS} FROM incoming_run ORDER BY correlation_id"  # noqa: S608
    " ON CONFLICT (correlation_id) DO UPDATE SET state = GREATEST(run.state, EXCLUDED.state),"
    f" started_at = LEAST(run.started_at, EXCLUDED.started_at), {_LATER_WINS}"
    " WHERE run.tenant_id = EXCLUDED.tenant_id"
)
_LOCK_POSITIONS: Final = (
    'SELECT spool_id, segment, "offset", ahead FROM events_spoolposition WHERE spool_id = ANY(%s)'
    " ORDER BY spool_id FOR UPDATE"
)
_NEW_POSITIONS: Final = (
    'INSERT INTO events_spoolposition (spool_id, segment, "offset", ahead, updated_at)'
    " SELECT id, 0, 0, '[]', now() FROM unnest(%s::text[]) AS id ON CONFLICT DO NOTHING"
)
_WRITE_POSITION: Final = (
    'UPDATE events_spoolposition SET segment = %s, "offset" = %s, ahead = %s, updated_at = now() WHERE spool_id = %s'
)
_QUARANTINE: Final = (
    "INSERT INTO events_quarantinedevent (digest, reason, detail, source, line, received_at)"
    " VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT DO NOTHING"
)


class StoreUnavailable(Exception):
    """PostgreSQL cannot be reached or is not ready; nothing of the batch was written."""


class Written(NamedTuple):
    """What one transaction did."""

    events: list[Incoming]
    """New ones only, in order."""
    duplicates: int
    quarantined: int
    positions: dict[str, Position]


class EventStore:
    """Writes batches. One connection, opened when needed and after every failure anew."""

    def __init__(self, conninfo: str, *, retention: timedelta) -> None:
        self._conninfo = conninfo
        self._retention = retention
        self._decoder = EventDecoder(retention=retention)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._days: set[date] = set()

    async def write(self, batches: Sequence[Batch]) -> Written:
        """Write what of the batches is not in PostgreSQL yet, all or nothing.

        Raises:
            StoreUnavailable: try again later.
        """
        try:
            connection = await self._connected()
            return await self._write(connection, batches)
        except (psycopg.Error, OSError) as error:
            # What one event can cause was caught where it is stored: this is the server, the way to it or its schema.
            await self.aclose()
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

    async def maintain(self) -> None:
        """Make partitions ahead, drop what is past retention, and mark calls that will never end.

        Raises:
            StoreUnavailable: try again later.
        """
        try:
            connection = await self._connected()
            today = datetime.now(UTC).date()
            await partitions.create(connection, [today + timedelta(days=n) for n in range(-1, partitions.AHEAD_DAYS)])
            if await self._sole_maintainer(connection):
                try:
                    await self._clean(connection)
                finally:
                    await connection.execute("SELECT pg_advisory_unlock(%s)", [partitions.LOCK_KEY + 1])
            self._days = await partitions.existing_days(connection)
        except (psycopg.Error, OSError) as error:
            await self.aclose()
            raise StoreUnavailable(str(error)) from error

    async def retry_quarantined(self) -> tuple[list[Incoming], int]:
        """Store what was kept aside and is an event after all, as after an upgrade; those, and how many lines stay.

        Raises:
            StoreUnavailable: nothing was changed; try again later.
        """
        try:
            connection = await self._connected()
            rows = await (await connection.execute("SELECT digest, line FROM events_quarantinedevent")).fetchall()
            now = datetime.now(UTC)
            events = [event for _, line in rows for event in self._decoder.decode(bytes(line), now)[0]]
            await self._ensure_partitions(connection, days_of(events))
            async with connection.transaction():
                fresh, rejected = await self._store(connection, events)
                refused = {refusal.line for refusal in rejected}
                kept = [hashlib.sha256(event.line).hexdigest() for event in events if event.line not in refused]
                await connection.execute("DELETE FROM events_quarantinedevent WHERE digest = ANY(%s)", [kept])
        except (psycopg.Error, OSError) as error:
            await self.aclose()
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        return fresh, len(rows) - len(kept)

    async def aclose(self) -> None:
        """Close the connection; safe to call twice, and :meth:`write` opens a new one."""
        connection, self._connection = self._connection, None
        self._days = set()
        if connection is not None:
            await connection.close()

    # --- connection

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=5,
                options="-c TimeZone=UTC -c jit=off",
                prepare_threshold=3,
            )
            try:
                await connection.execute(_TEMPORARY)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    # --- one transaction

    async def _write(self, connection: psycopg.AsyncConnection[Any], batches: Sequence[Batch]) -> Written:
        now = datetime.now(UTC)
        decoded = [self._decoder.decode(batch.data, now) for batch in batches]
        await self._ensure_partitions(connection, set().union(*(days_of(events) for events, _ in decoded)))
        async with connection.transaction():
            known = await self._lock_positions(connection, sorted({batch.spool_id for batch in batches}))
            events: list[Incoming] = []
            refused: list[tuple[str, Refused]] = []
            skipped = 0
            for batch, (of_batch, refused_of_batch) in zip(batches, decoded, strict=True):
                if known[batch.spool_id].covers(batch):
                    skipped += len(of_batch)
                    continue
                events += of_batch
                refused += [(batch.spool_id, line) for line in refused_of_batch]
            fresh, rejected = await self._store(connection, events)
            refused += [("database", line) for line in rejected]
            await self._keep_aside(connection, refused)
            positions = await self._advance(connection, known, batches)
        duplicates = skipped + len(events) - len(fresh) - len(rejected)
        return Written(fresh, duplicates, len(refused), positions)

    async def _ensure_partitions(self, connection: psycopg.AsyncConnection[Any], days: set[date]) -> None:
        if days <= self._days:
            return
        await partitions.create(connection, days)
        self._days = await partitions.existing_days(connection)

    async def _lock_positions(
        self, connection: psycopg.AsyncConnection[Any], spool_ids: list[str]
    ) -> dict[str, Progress]:
        rows = await (await connection.execute(_LOCK_POSITIONS, [spool_ids])).fetchall()
        if len(rows) < len(spool_ids):
            await connection.execute(_NEW_POSITIONS, [spool_ids])
            rows = await (await connection.execute(_LOCK_POSITIONS, [spool_ids])).fetchall()
        return {spool_id: progress_from_row(segment, offset, ahead) for spool_id, segment, offset, ahead in rows}

    async def _store(
        self, connection: psycopg.AsyncConnection[Any], events: list[Incoming]
    ) -> tuple[list[Incoming], list[Refused]]:
        """New events, and those that PostgreSQL does not take: they are found by halving."""
        if not events:
            return [], []
        try:
            async with connection.transaction():
                fresh = await self._insert(connection, events)
                await self._merge_runs(connection, merged_runs(fresh))
                await writing.write_usage(connection, fresh)
                await add_counts(connection, fresh)
            return fresh, []
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(events) == 1:
                log.warning("PostgreSQL refuses the event %s: %s", events[0].envelope.event_id, error)
                return [], [Refused(events[0].line, "refused_by_database", str(error))]
        middle = len(events) // 2
        first, first_refused = await self._store(connection, events[:middle])
        second, second_refused = await self._store(connection, events[middle:])
        return first + second, first_refused + second_refused

    async def _insert(self, connection: psycopg.AsyncConnection[Any], events: list[Incoming]) -> list[Incoming]:
        async with connection.cursor() as cursor:
            await cursor.execute("DELETE FROM incoming_event")
            async with cursor.copy(_COPY_EVENTS) as copy:
                await copy.write("".join([_event_row(event) for event in events]))
            await cursor.execute(_INSERT_EVENTS)
            new = {event_id for (event_id,) in await cursor.fetchall()}
        fresh = []
        for event in events:
            event_id = event.envelope.event_id.lower()
            if event_id in new:
                new.discard(event_id)
                fresh.append(event)
        return fresh

    async def _merge_runs(self, connection: psycopg.AsyncConnection[Any], runs: list[RunFacts]) -> None:
        if not runs:
            return
        async with connection.cursor() as cursor:
            await cursor.execute("DELETE FROM incoming_run")
            async with cursor.copy(_COPY_RUNS) as copy:
                for run in runs:
                    await copy.write_row(_run_row(run))
            await cursor.execute(_MERGE_RUNS)

    async def _keep_aside(
        self, connection: psycopg.AsyncConnection[Any], refused: Sequence[tuple[str, Refused]]
    ) -> None:
        if not refused:
            return
        rows = [
            (hashlib.sha256(line.line).hexdigest(), line.reason, _plain(line.detail), _plain(source)[:128], line.line)
            for source, line in refused
        ]
        async with connection.cursor() as cursor:
            await cursor.executemany(_QUARANTINE, rows)

    async def _advance(
        self, connection: psycopg.AsyncConnection[Any], known: dict[str, Progress], batches: Sequence[Batch]
    ) -> dict[str, Position]:
        positions: dict[str, Position] = {}
        for spool_id, progress in known.items():
            new = progress.with_batches([batch for batch in batches if batch.spool_id == spool_id])
            positions[spool_id] = new.done
            if new != progress:
                ahead = msgspec.json.encode(new.ahead_as_lists()).decode()
                await connection.execute(_WRITE_POSITION, [*new.done, ahead, spool_id])
        return positions

    # --- upkeep

    async def _sole_maintainer(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [partitions.LOCK_KEY + 1])).fetchone()
        return bool(row and row[0])

    async def _clean(self, connection: psycopg.AsyncConnection[Any]) -> None:
        now = datetime.now(UTC)
        oldest = now - self._retention
        # A day more than retention: an event that is just young enough to be taken always finds its partition.
        for day in await partitions.drop_before(connection, (oldest - timedelta(days=1)).date()):
            log.info("Dropped the events of %s", day)
        for day in await partitions.drop_emptied_before(connection, (oldest - timedelta(days=1)).date()):
            log.info("Dropped the ledger's partition of %s, which retention has emptied", day)
        await connection.execute(
            "UPDATE events_run SET state = 1 WHERE state = 0 AND started_at < %s", [now - LOST_AFTER]
        )
        await drop_old(connection, now)
        for table, column in (
            ("events_run", "started_at"),
            ("events_quarantinedevent", "received_at"),
            ("events_spoolposition", "updated_at"),
        ):
            statement = f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE {column} < %s LIMIT %s)"  # noqa: S608
            while (await connection.execute(statement, [oldest, DELETE_BATCH])).rowcount == DELETE_BATCH:
                continue


def _event_row(event: Incoming) -> str:
    """One line of COPY's text format."""
    envelope = event.envelope
    fields = [
        envelope.event_id,
        envelope.timestamp,
        envelope.event_type,
        str(envelope.schema_version),
        str(envelope.layer),
        envelope.service_name,
        envelope.env,
        envelope.tenant_id,
        envelope.trace_id,
        envelope.span_id,
        envelope.correlation_id,
        event.payload_json,
    ]
    row = "\t".join(fields).replace("\\", "\\\\")
    if row.count("\t") == len(fields) - 1 and "\n" not in row and "\r" not in row:
        return row + "\n"
    return "\t".join(_escaped(field) for field in fields) + "\n"


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _run_row(run: RunFacts) -> list[Any]:
    facts = [msgspec.json.encode(fact).decode() if isinstance(fact, dict) else fact for fact in run.facts]
    return [run.correlation_id, run.tenant_id, run.trace_id, run.state, run.started_at, run.ended_at, *facts]


def _plain(text: str) -> str:
    """Text that PostgreSQL takes whatever the sender put into it."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


__all__ = ["EventStore", "StoreUnavailable", "Written"]
