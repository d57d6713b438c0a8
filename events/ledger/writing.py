"""Writes ledger rows and adds them to the rollups, in the transaction that writes their events.

Why in that transaction and not in a job that follows: the rollups are then the sum of the ledger at every instant and
for every reader, whatever arrives late, twice or from several collectors, with nothing to catch up after a crash. Only
rows that the ledger did not have are added, all rows of a batch in one statement per table. Collectors that add to the
same row wait for each other's commit, which is milliseconds; all take their locks in the order of the keys.

How rollups stay small: what a call belongs to (key, team, route, provider, model) is a *series*, of which there are as
many as configured combinations in use. Rollups hold one row per series and stretch of time, from a quarter of an hour
to thirty days; a second set does per end user, at quarters and days; a third per tag, for at most :data:`MAX_TAGS` tags
of a tenant. *Margins* hold what is asked for most, sums by one thing alone (a model, a user, a tag, or nothing), in
rows that grow with the number of models and not with that of combinations.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import psycopg

from events.collector.incoming import Incoming
from events.ledger.grains import ALL_GRAINS, TAG_GRAINS, USER_GRAINS, USER_MARGIN_GRAINS, Grain
from events.ledger.margins import CALL_MARGINS, TAG_MARGIN, USER_MARGIN
from events.ledger.measures import MEASURES, OF_LEDGER, SUM
from events.ledger.records import COLUMNS, CORRELATION_ID, TENANT_ID, Row, UsageBatch, usage_rows
from events.traffic.writing import add_calls

log = logging.getLogger(__name__)

MAX_TAGS: Final = 10_000
"""Tags (name and value) per tenant that have rollups; calls with further ones count as calls without."""
SECOND_END: Final = timedelta(hours=2)
"""A call that ended twice, which should not be, did so within this: no call lasts longer."""

TEMPORARY: Final = """
CREATE TEMP TABLE IF NOT EXISTS incoming_usage (LIKE events_usage, series_id bigint) ON COMMIT DELETE ROWS;
"""
_COLUMN_LIST: Final = ", ".join(COLUMNS)
COPY: Final = f"COPY incoming_usage ({_COLUMN_LIST}) FROM STDIN"

# The runs of these calls are locked, so that no other collector is about to write an end of one of them. A second end
# on the same day meets the partition's unique index; this finds the first one on the other side of midnight.
_BILLED: Final = """
SELECT c.id, o.tenant_id FROM unnest(%s::text[]) c (id) CROSS JOIN LATERAL (
    SELECT u.tenant_id FROM events_usage u
    WHERE u.correlation_id = c.id AND u.correlation_id <> '' AND u.occurred_at BETWEEN %s AND %s
) o
"""
# What the ledger has already leaves the temporary table: only fresh rows are added to the rollups.
INSERT: Final = f"""
WITH inserted AS (
    INSERT INTO events_usage ({_COLUMN_LIST}) SELECT {_COLUMN_LIST} FROM incoming_usage
    ON CONFLICT DO NOTHING RETURNING event_id
)
DELETE FROM incoming_usage u WHERE NOT EXISTS (SELECT FROM inserted i WHERE i.event_id = u.event_id)
"""  # noqa: S608 - constants
_SERIES: Final = (
    "u.tenant_id, u.key_id, COALESCE(u.team_id, ''), COALESCE(u.route, ''), COALESCE(u.provider, ''),"
    " COALESCE(u.model, '')"
)
_NEW_SERIES: Final = f"""
INSERT INTO events_usage_series (tenant_id, key_id, team_id, route, provider, model)
SELECT DISTINCT {_SERIES} FROM incoming_usage u WHERE NOT EXISTS (
    SELECT FROM events_usage_series s
    WHERE (s.tenant_id, s.key_id, s.team_id, s.route, s.provider, s.model) = ({_SERIES})
) ORDER BY 1, 2, 3, 4, 5, 6 ON CONFLICT DO NOTHING
"""  # noqa: S608
_SET_SERIES: Final = f"""
UPDATE incoming_usage u SET series_id = s.id FROM events_usage_series s
WHERE (s.tenant_id, s.key_id, s.team_id, s.route, s.provider, s.model) = ({_SERIES})
"""  # noqa: S608
_NEW_TAGS: Final = f"""
INSERT INTO events_usage_tag (tenant_id, name, value)
SELECT new.tenant_id, new.name, new.value FROM (
    SELECT seen.*, row_number() OVER (PARTITION BY tenant_id ORDER BY name, value) AS place FROM (
        SELECT DISTINCT u.tenant_id, t.key COLLATE "C" AS name, t.value COLLATE "C" AS value
        FROM incoming_usage u CROSS JOIN LATERAL jsonb_each_text(u.tags) t
    ) seen WHERE NOT EXISTS (
        SELECT FROM events_usage_tag k WHERE (k.tenant_id, k.name, k.value) = (seen.tenant_id, seen.name, seen.value)
    )
) new
WHERE new.place <= {MAX_TAGS} - (SELECT count(*) FROM events_usage_tag k WHERE k.tenant_id = new.tenant_id)
ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
"""  # noqa: S608


def _grain_rows(grains: Sequence[Grain]) -> str:
    return ", ".join(f"({grain.value}::smallint, {_width(grain)})" for grain in grains)


def _width(grain: Grain) -> str:
    return f"interval '{grain.width_ms // 1000} seconds'"


def _add(table: str, *, by: str = "", by_value: str = "", source: str = "", grains: Sequence[Grain]) -> str:
    """SQL that adds the temporary table's rows to a rollup; ``by`` is what it has besides the series."""
    key = f"tenant_id, grain, start, {by + ', ' if by else ''}series_id"
    dimensions = f"u.tenant_id, g.grain, date_bin(g.width, u.occurred_at, 'epoch'), {by_value + ', ' if by else ''}"
    places = ", ".join(str(place + 1) for place in range(5 if by else 4))
    sums = ", ".join(f"{measure} = r.{measure} + EXCLUDED.{measure}" for measure in MEASURES)
    return (
        f"INSERT INTO {table} AS r ({key}, {', '.join(MEASURES)})"  # noqa: S608 - constants
        f" SELECT {dimensions}u.series_id, {OF_LEDGER} FROM incoming_usage u {source}"
        f" CROSS JOIN (VALUES {_grain_rows(grains)}) g (grain, width)"
        f" GROUP BY {places} ORDER BY {places} ON CONFLICT ({key}) DO UPDATE SET {sums}"
    )


_ADD: Final = _add("events_usage_rollup", grains=ALL_GRAINS)
_ADD_USERS: Final = _add("events_usage_by_user", by="end_user", by_value="COALESCE(u.end_user, '')", grains=USER_GRAINS)
_ADD_TAGS: Final = _add(
    "events_usage_by_tag",
    by="tag_id",
    by_value="k.id",
    source="CROSS JOIN LATERAL jsonb_each_text(u.tags) t JOIN events_usage_tag k"
    ' ON (k.tenant_id, k.name, k.value) = (u.tenant_id, t.key COLLATE "C", t.value COLLATE "C")',
    grains=TAG_GRAINS,
)


def _add_margins(source: str, grains: Sequence[Grain]) -> str:
    """SQL that adds the temporary table's rows to margins: first to the finest grain's sums, and those to the rest."""
    key = "tenant_id, kind, grain, start, part"
    names = ", ".join(MEASURES)
    sums = ", ".join(f"{SUM}(f.{measure})" for measure in MEASURES)
    added = ", ".join(f"{measure} = r.{measure} + EXCLUDED.{measure}" for measure in MEASURES)
    return f"""
    WITH fine (tenant_id, kind, start, part, {names}) AS MATERIALIZED (
        SELECT u.tenant_id, m.kind, date_bin({_width(grains[-1])}, u.occurred_at, 'epoch'), m.part, {OF_LEDGER}
        FROM incoming_usage u {source} GROUP BY 1, 2, 3, 4
    )
    INSERT INTO events_usage_margin AS r ({key}, {names})
    SELECT f.tenant_id, f.kind, g.grain, date_bin(g.width, f.start, 'epoch'), f.part, {sums}
    FROM fine f CROSS JOIN (VALUES {_grain_rows(grains)}) g (grain, width)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 ON CONFLICT ({key}) DO UPDATE SET {added}
    """  # noqa: S608 - constants


_ADD_MARGINS: Final = _add_margins(CALL_MARGINS, ALL_GRAINS)
_ADD_USER_MARGINS: Final = _add_margins(USER_MARGIN, USER_MARGIN_GRAINS)
_ADD_TAG_MARGINS: Final = _add_margins(TAG_MARGIN, ALL_GRAINS)


async def write_usage(connection: psycopg.AsyncConnection[Any], events: Sequence[Incoming]) -> None:
    """Bill the calls that these events end, each once.

    Call it in the transaction that wrote the events and after the one that merged their runs: the runs' locks keep
    two collectors from billing one call.

    Raises:
        psycopg.DataError: a row is nothing that PostgreSQL takes; the transaction is lost.
    """
    batch = usage_rows(events)
    if batch is not None:
        await write_rows(connection, batch)


async def write_rows(connection: psycopg.AsyncConnection[Any], batch: UsageBatch) -> None:
    """The rows that the ledger does not have yet, and their share in the rollups; see :func:`write_usage`."""
    async with connection.cursor() as cursor:
        rows = await _not_billed(cursor, batch)
        await cursor.execute("DELETE FROM incoming_usage")
        async with cursor.copy(COPY) as copy:
            for row in rows:
                await copy.write_row(row)
        await cursor.execute(INSERT)
        again = len(batch.rows) - len(rows) + cursor.rowcount
        if again:
            log.warning("%d calls had ended before and were not billed again", again)
        if again < len(batch.rows):
            await add_to_rollups(cursor, has_tags=batch.has_tags)


async def _not_billed(cursor: psycopg.AsyncCursor[Any], batch: UsageBatch) -> list[Row]:
    first, last = batch.first - SECOND_END, batch.last + SECOND_END
    if first.date() == last.date():
        return batch.rows
    calls = [row[CORRELATION_ID] for row in batch.rows]
    # Planned each time: a plan made while the day's partition was empty would go on reading all of it.
    await cursor.execute(_BILLED, [calls, first, last], prepare=False)
    billed = set(await cursor.fetchall())
    return [row for row in batch.rows if (row[CORRELATION_ID], row[TENANT_ID]) not in billed]


async def add_to_rollups(cursor: psycopg.AsyncCursor[Any], *, has_tags: bool) -> None:
    """Add the rows of the temporary table, all of which are new to the ledger, to every rollup."""
    await cursor.execute(_NEW_SERIES)
    await cursor.execute(_SET_SERIES)
    await cursor.execute(_ADD)
    await cursor.execute(_ADD_USERS)
    # After the rollup by user, at which an erasure makes collectors wait.
    await cursor.execute(_ADD_USER_MARGINS)
    await cursor.execute(_ADD_MARGINS)
    if has_tags:
        await cursor.execute(_NEW_TAGS)
        await cursor.execute(_ADD_TAGS)
        await cursor.execute(_ADD_TAG_MARGINS)
    await add_calls(cursor)
