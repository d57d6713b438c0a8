"""Whether the rollups are what they have to be: the sums of the ledger, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from contracts.tenant_scope import across_tenants
from events.ledger.grains import ALL_GRAINS, TAG_GRAINS, USER_GRAINS, USER_MARGIN_GRAINS, Grain
from events.ledger.margins import CALL_MARGINS, TAG_MARGIN, USER_MARGIN, Margin
from events.ledger.measures import MEASURES, SUM, of_ledger


class Difference(NamedTuple):
    """A rollup's row that is not the sum of its calls, or is missing, or has none."""

    table: str
    grain: int
    tenant_id: str
    start: str
    part: str
    """What else the row is about: its series, end user or tag, or the margin's kind and part."""


class Rollup(NamedTuple):
    """A table, or the rows of one with ``only``, and how calls are told apart in it."""

    table: str
    columns: tuple[str, str]
    of_ledger: tuple[str, str]
    joins: str
    grains: Sequence[Grain]
    only: str = "true"


_SERIES: Final = (
    "JOIN events_usage_series s ON (s.tenant_id, s.key_id, s.team_id, s.route, s.provider, s.model) = (u.tenant_id,"
    " u.key_id, COALESCE(u.team_id, ''), COALESCE(u.route, ''), COALESCE(u.provider, ''), COALESCE(u.model, ''))"
)
_TAGS: Final = (
    "CROSS JOIN LATERAL jsonb_each_text(u.tags) t JOIN events_usage_tag k"
    ' ON (k.tenant_id, k.name, k.value) = (u.tenant_id, t.key COLLATE "C", t.value COLLATE "C")'
)
_NAMES: Final = ", ".join(MEASURES)
_KIND: Final = (("kind", "part"), ("m.kind", "m.part"))
ROLLUPS: Final = (
    Rollup("events_usage_rollup", ("series_id", "0"), ("u.series_id", "0"), "", ALL_GRAINS),
    Rollup(
        "events_usage_by_user",
        ("series_id", "end_user"),
        ("u.series_id", "COALESCE(u.end_user, '')"),
        "",
        USER_GRAINS,
    ),
    Rollup("events_usage_by_tag", ("series_id", "tag_id"), ("u.series_id", "k.id"), _TAGS, TAG_GRAINS),
    Rollup(
        "events_usage_margin",
        *_KIND,
        CALL_MARGINS,
        ALL_GRAINS,
        f"kind NOT IN ({Margin.USER.value}, {Margin.TAG.value})",
    ),
    Rollup("events_usage_margin", *_KIND, USER_MARGIN, USER_MARGIN_GRAINS, f"kind = {Margin.USER.value}"),
    Rollup("events_usage_margin", *_KIND, TAG_MARGIN, ALL_GRAINS, f"kind = {Margin.TAG.value}"),
)


_CALLS: Final = f"""
CREATE TEMP TABLE checked_calls ON COMMIT DROP AS
SELECT u.*, s.id AS series_id FROM events_usage u {_SERIES}
"""  # noqa: S608 - constants


def differences(limit: int = 100) -> list[Difference]:
    """Up to ``limit`` rows per rollup and grain that differ from the ledger; empty when every one is right.

    Reads the whole ledger and copies it to temporary tables: for benchmarks and after repairs, not for every day. Rows
    of purged calls count as different.
    """
    found: list[Difference] = []
    with across_tenants("the check is about the tables, whosever the rows are"), _one_instant() as cursor:
        gather_calls(cursor)
        for rollup in ROLLUPS:
            found += differences_of(cursor, rollup, limit)
    return found


@contextmanager
def _one_instant() -> Iterator[CursorWrapper]:
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL enable_nestloop = off")
        yield cursor


def gather_calls(cursor: CursorWrapper) -> None:
    """Put the ledger with its series into ``checked_calls``, until the transaction ends.

    Temporary tables and not one statement: how many calls share a series or a tag is nothing that statistics tell
    beforehand, and loops in loops would take hours.
    """
    _make(cursor, "checked_calls", _CALLS)


def sum_up(cursor: CursorWrapper, rollup: Rollup) -> None:
    """Put the sums of ``checked_calls`` at the rollup's finest grain into ``checked_sums``."""
    statement = f"""
    CREATE TEMP TABLE checked_sums ON COMMIT DROP AS
    SELECT tenant_id, start, a, b, {", ".join(f"{name}::bigint" for name in MEASURES)} FROM (
        SELECT u.tenant_id, date_bin({_width(rollup.grains[-1])}, u.occurred_at, 'epoch'),
            {", ".join(rollup.of_ledger)}, {of_ledger("sum")}
        FROM checked_calls u {rollup.joins} GROUP BY 1, 2, 3, 4
    ) sums (tenant_id, start, a, b, {_NAMES})
    """  # noqa: S608 - constants
    _make(cursor, "checked_sums", statement)


def sums_at(grain: Grain) -> str:
    """SQL: the rows that the rollup of ``checked_sums`` has to have: tenant, start, two parts, the measures."""
    sums = ", ".join(f"{SUM}({name})" for name in MEASURES)
    binned = f"date_bin({_width(grain)}, start, 'epoch')"
    return f"SELECT tenant_id, {binned}, a, b, {sums} FROM checked_sums GROUP BY 1, 2, 3, 4"  # noqa: S608 - constants


def differences_of(cursor: CursorWrapper, rollup: Rollup, limit: int) -> list[Difference]:
    """Compares one rollup with ``checked_calls``."""
    sum_up(cursor, rollup)
    found: list[Difference] = []
    for grain in rollup.grains:
        cursor.execute(_of_grain(rollup, grain), {"limit": limit})
        found += [Difference(rollup.table, grain.value, *row) for row in cursor.fetchall()]
    return found


def _of_grain(rollup: Rollup, grain: Grain) -> str:
    key = ("tenant_id", "start", "a", "b")
    raw, kept = (", ".join(f"{table}.{name}" for name in key) for table in ("raw", "kept"))
    return f"""
    WITH raw (tenant_id, start, a, b, {_NAMES}) AS (
        {sums_at(grain)}
    ), kept (tenant_id, start, a, b, {_NAMES}) AS (
        SELECT tenant_id, start, {", ".join(rollup.columns)}, {_NAMES} FROM {rollup.table}
        WHERE grain = {grain.value} AND {rollup.only}
    )
    SELECT COALESCE(raw.tenant_id, kept.tenant_id), COALESCE(raw.start, kept.start)::text,
        concat_ws(' ', COALESCE(raw.a, kept.a)::text, COALESCE(raw.b, kept.b)::text)
    FROM raw FULL JOIN kept ON ({raw}) = ({kept})
    WHERE ({", ".join(f"raw.{name}" for name in MEASURES)})
        IS DISTINCT FROM ({", ".join(f"kept.{name}" for name in MEASURES)})
    LIMIT %(limit)s
    """  # noqa: S608 - constants


def _make(cursor: CursorWrapper, table: str, statement: str) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    cursor.execute(statement)
    cursor.execute(f"ANALYZE {table}")


def _width(grain: Grain) -> str:
    return f"interval '{grain.width_ms // 1000} seconds'"
