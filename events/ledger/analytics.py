"""Answers questions about usage and cost from the rollups alone, however many rows the ledger has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from django.db import connection

from contracts.errors import InvalidRequest
from contracts.usage import UsageDimension, UsageFigures, UsagePage, UsageQuery, UsageRow
from events.ledger.buckets import Bucket, buckets
from events.ledger.grains import pieces
from events.ledger.measures import MEASURES, SUM
from events.ledger.reading import LedgerThreads, one_snapshot
from events.ledger.slices import Slice, slices
from events.ledger.sources import Lead, in_few_rows, sources_of, splits_by_user, sql_of_source

Cursor = tuple[int, tuple[str, ...]]
_OF_TRANSACTION = "SELECT set_config('enable_nestloop', %(to)s, true), set_config('enable_sort', %(to)s, true)"
_cursor_decoder = msgspec.json.Decoder(Cursor)


class DjangoUsageReader:
    """Reads analytics through Django in threads of its own."""

    def __init__(self, *, threads: int = 2) -> None:
        self._threads = LedgerThreads(threads, "analytics")

    async def read(self, query: UsageQuery) -> UsagePage:
        """One page.

        Raises:
            InvalidRequest: see :func:`usage`.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._threads.run(usage, query)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()


def usage(query: UsageQuery) -> UsagePage:
    """One page of sums, and the sum of everything that is asked for.

    Raises:
        InvalidRequest: users and tags are combined, there are too many buckets, or the cursor is broken.
    """
    cut = buckets(query.window, query.time_zone, query.start_ms, query.end_ms)
    sources_of(query)  # Refuses what no rollup has, also where there is no time to ask about.
    after = _decode_cursor(query)
    with one_snapshot():
        rows = _rows(query, cut, after)
        total = _total(query, cut)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return UsagePage(rows=rows, total=total, next_cursor=_encode_cursor(rows[-1]) if more else None)


def _rows(query: UsageQuery, cut: Sequence[Bucket], after: Cursor | None) -> list[UsageRow]:
    if after is not None:
        cut = [bucket for bucket in cut if bucket.start_ms >= after[0]]
    rows: list[UsageRow] = []
    for part in _slices(query, cut, after, rows.__len__):
        rows.extend(_rows_of_slice(query, _behind(part, query, after), after, query.limit + 1 - len(rows)))
        if len(rows) > query.limit:
            break
    return rows


def _behind(part: Slice, query: UsageQuery, after: Cursor | None) -> Slice:
    """What a page may have of it that begins behind the cursor."""
    if after is None or part.lead is None or part.buckets[0].start_ms != after[0]:
        return part
    first = max(part.lead.first or "", after[1][query.group_by.index(part.lead.dimension)])
    return part._replace(lead=part.lead._replace(first=first))


def _slices(
    query: UsageQuery, cut: Sequence[Bucket], after: Cursor | None, found: Callable[[], int]
) -> Iterable[Slice]:
    if len(cut) < 2 and not splits_by_user(query):
        return [Slice(cut)] if cut else []
    lead = UsageDimension.USER if splits_by_user(query) else None

    calls = {place: calls for (place,), calls in _calls(query, Slice(cut))}
    weighed = [(bucket, calls.get(place, 0)) for place, bucket in enumerate(cut)]

    def values_in(bucket: Bucket, calls: int) -> list[tuple[str, int]]:
        here = after is not None and bucket.start_ms == after[0]
        first = after[1][query.group_by.index(UsageDimension.USER)] if after is not None and here else None
        return _users(query, bucket, calls, first)

    return slices(query, weighed, lead, values_in, few_rows=in_few_rows(query), found=found)


def _users(query: UsageQuery, bucket: Bucket, calls: int, first: str | None) -> list[tuple[str, int]]:
    """End users from ``first`` on, and how many of the bucket's calls each has, roughly."""
    # The longest stretch of one grain tells how calls are spread, in much fewer rows than all of them.
    longest = max(
        pieces(bucket.start_ms, bucket.end_ms), key=lambda piece: (piece.end_ms - piece.start_ms, piece.grain)
    )
    part = Slice([Bucket(longest.start_ms, longest.end_ms)], Lead(UsageDimension.USER, first, None))
    # But for filters, each has a row. Wanted are those of a page and of its cursor, one who tells that there is another
    # page, and one who stands for all that follow.
    most = None if query.filters else query.limit + 3
    share = (longest.end_ms - longest.start_ms) / (bucket.end_ms - bucket.start_ms)
    found = [(user, round(number / share)) for (_, user), number in _calls(query, part, (UsageDimension.USER,), most)]
    if len(found) == most:
        found[-1] = (found[-1][0], max(0, calls - sum(number for _, number in found[:-1])))
    return found


def _calls(
    query: UsageQuery, part: Slice, group_by: tuple[UsageDimension, ...] = (), limit: int | None = None
) -> list[tuple[tuple[Any, ...], int]]:
    """How many calls the tenant had by bucket and group, whatever filters say."""
    plain = msgspec.structs.replace(query, group_by=group_by, group_by_tag=None, filters=(), tag=None)
    return [(tuple(row[:-1]), row[-1]) for row in _sums(plain, part, ("requests",), limit=limit)]


def _rows_of_slice(query: UsageQuery, part: Slice, after: Cursor | None, limit: int) -> list[UsageRow]:
    cut = part.buckets
    width = 1 + _groups(query)
    return [
        UsageRow(
            start_ms=cut[row[0]].start_ms,
            end_ms=cut[row[0]].end_ms,
            group=tuple(value or None for value in row[1:width]),
            figures=figures_of(row[width:]),
        )
        for row in _sums(query, part, MEASURES, after, limit)
    ]


def _sums(
    query: UsageQuery, part: Slice, measures: Sequence[str], after: Cursor | None = None, limit: int | None = None
) -> list[tuple[Any, ...]]:
    """Rows of the bucket's place, the groups and the measures; by bucket and groups, users before all others."""
    groups = [f"g{number}" for number in range(_groups(query))]
    keys = ", ".join(["bucket", *groups])
    order = _order(query)
    parameters: dict[str, Any] = {"limit": limit}
    found = [
        sql_of_source(source, query, part.buckets, groups, parameters, measures=measures, lead=part.lead)
        for source in sources_of(query)
    ]
    carriers = ""
    if query.group_by_tag is not None:
        carriers, found = _less_carriers(found, groups, measures)
    parts = " UNION ALL ".join(sql for sql in found if sql)
    continues = ""
    if after is not None:
        places = (place for place, bucket in enumerate(part.buckets) if bucket.start_ms == after[0])
        parameters["after_bucket"] = next(places, -1)
        parameters.update({f"after_{name}": value for name, value in zip(groups, after[1], strict=True)})
        reached = ", ".join(f"%(after_{name})s" for name in order)
        continues = f"WHERE ({', '.join(order)}) > ({reached})"
    sums = ", ".join(f"{SUM}({measure})" for measure in measures)
    statement = (
        f"{carriers} SELECT {keys}, {sums} FROM ({parts}) part {continues}"  # noqa: S608 - constants
        f" GROUP BY {keys} HAVING {SUM}(requests) <> 0 ORDER BY {', '.join(order)} LIMIT %(limit)s"
    )
    with _planned_for_many(query), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


@contextmanager
def _planned_for_many(query: UsageQuery) -> Iterator[None]:
    """By a tag's values, the planner takes the few tags of that name to be on few of the tenant's rows.

    They are on most of them: it would look up each tag at each start, and the series of each row, and sort them all.
    """
    if query.group_by_tag is None or query.tag is not None or in_few_rows(query):
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(_OF_TRANSACTION, {"to": "off"})
        yield
        cursor.execute(_OF_TRANSACTION, {"to": "on"})


def _order(query: UsageQuery) -> list[str]:
    # Of users there may be very many, and what one of them did is found quickly: a page needs only the first few.
    places = sorted(
        range(_groups(query)), key=lambda place: query.group_by[place : place + 1] != (UsageDimension.USER,)
    )
    return ["bucket", *(f"g{place}" for place in places)]


def _less_carriers(found: Sequence[str], groups: Sequence[str], measures: Sequence[str]) -> tuple[str, list[str]]:
    """Of the calls that carry a tag and of all calls: a WITH clause and what to sum up, by the tag and without it.

    The former are summed up once and then taken twice, once with a minus: they are the most rows by far.
    """
    tagged, everything = found
    keys = ", ".join(["bucket", *groups])
    sums = ", ".join(f"{SUM}({measure}) AS {measure}" for measure in measures)
    others = ", ".join(["bucket", *groups[:-1], "''", *(f"-{measure}" for measure in measures)])
    carriers = f"WITH tagged AS MATERIALIZED (SELECT {keys}, {sums} FROM ({tagged}) t GROUP BY {keys})"  # noqa: S608
    return carriers, ["SELECT * FROM tagged", everything, f"SELECT {others} FROM tagged"]  # noqa: S608 - constants


def _groups(query: UsageQuery) -> int:
    return len(query.group_by) + (query.group_by_tag is not None)


def _total(query: UsageQuery, cut: Sequence[Bucket]) -> UsageFigures:
    if not cut:
        return UsageFigures()
    plain = msgspec.structs.replace(query, group_by=(), group_by_tag=None)
    whole = Slice([Bucket(cut[0].start_ms, cut[-1].end_ms)])
    rows = _rows_of_slice(plain, whole, None, 1)
    return rows[0].figures if rows else UsageFigures()


def figures_of(sums: Sequence[Any]) -> UsageFigures:
    """Columns in the order of :data:`MEASURES`."""
    return UsageFigures(*sums)


def _encode_cursor(row: UsageRow) -> str:
    return msgspec.json.encode((row.start_ms, tuple(value or "" for value in row.group))).hex()


def _decode_cursor(query: UsageQuery) -> Cursor | None:
    if query.after is None:
        return None
    groups = _groups(query)
    try:
        cursor: Cursor = _cursor_decoder.decode(bytes.fromhex(query.after))
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidRequest("This is not a cursor of ours.", param="cursor") from error
    if len(cursor[1]) != groups or any("\x00" in value for value in cursor[1]):
        raise InvalidRequest("This cursor belongs to another question.", param="cursor")
    return cursor
