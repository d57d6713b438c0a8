"""Which rollups a question is answered from, and the SQL of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from contracts.errors import InvalidRequest
from contracts.usage import UsageDimension, UsageQuery
from events.ledger.buckets import Bucket
from events.ledger.grains import (
    ALL_GRAINS,
    TAG_GRAINS,
    USER_GRAINS,
    USER_MARGIN_GRAINS,
    USERS_GRAINS,
    Grain,
    Piece,
    pieces,
)
from events.ledger.margins import OF_DIMENSION, Margin
from events.ledger.measures import MEASURES

_COLUMNS: Final = {
    UsageDimension.TEAM: "s.team_id",
    UsageDimension.KEY: "s.key_id",
    UsageDimension.USER: "r.end_user",
    UsageDimension.ROUTE: "s.route",
    UsageDimension.PROVIDER: "s.provider",
    UsageDimension.MODEL: "s.model",
}


class Source(NamedTuple):
    """One rollup's share in an answer."""

    table: str
    grains: Sequence[Grain]
    """Into which time is cut."""
    only: Sequence[Grain] = ALL_GRAINS
    """Of those, the ones that this rollup is asked for."""
    margin: Margin | None = None
    """Which sums of a table of margins; None for rollups by series."""
    tag: bool = False
    """Whether its rows are of single tags."""
    untagged: bool = False
    """Its rows go to the group of calls without the tag."""

    def column(self, dimension: UsageDimension) -> str:
        """Where the rows say which team, user and so on they are about."""
        return "r.part" if self.margin is not None else _COLUMNS[dimension]


class Lead(NamedTuple):
    """A range of one dimension's values, in the order of their bytes; None where it has no end."""

    dimension: UsageDimension
    first: str | None
    before: str | None


_MARGIN: Final = "events_usage_margin"
_PLAIN: Final = Source("events_usage_rollup", ALL_GRAINS)
_BY_USER: Final = Source("events_usage_by_user", USER_GRAINS)
_BY_TAG: Final = Source("events_usage_by_tag", TAG_GRAINS, tag=True)
_ALL_TAGGED: Final = Source(_MARGIN, ALL_GRAINS, margin=Margin.TAG, tag=True)
_ALL: Final = Source(_MARGIN, ALL_GRAINS, margin=Margin.ALL)
_USERS: Final = (
    Source(_MARGIN, USERS_GRAINS, only=USER_MARGIN_GRAINS, margin=Margin.USER),
    _BY_USER._replace(grains=USERS_GRAINS, only=(Grain.QUARTER,)),
)


def sources_of(query: UsageQuery) -> list[Source]:
    """The rollups whose sum is the answer, the smallest that have what is asked for.

    With groups by a tag, these are two: the calls that carry it, and all calls. Those that do not are their difference.

    Raises:
        InvalidRequest: no rollup has both what is asked for.
    """
    asked = _dimensions(query)
    _check_pairs(query, by_user=UsageDimension.USER in asked)
    if query.tag is not None or query.group_by_tag is not None:
        return _tag_sources(query, _BY_TAG if asked else _ALL_TAGGED, _PLAIN if asked else _ALL)
    if asked == {UsageDimension.USER} and not query.filters:
        return list(_USERS)
    if UsageDimension.USER in asked:
        return [_BY_USER]
    if len(asked) > 1:
        return [_PLAIN]
    return [_ALL._replace(margin=OF_DIMENSION[dimension]) for dimension in asked] or [_ALL]


def splits_by_user(query: UsageQuery) -> bool:
    """Whether the answer has a row, or several, for each of perhaps very many users."""
    return UsageDimension.USER in query.group_by and UsageDimension.USER not in dict(query.filters)


def in_few_rows(query: UsageQuery) -> bool:
    """Whether margins answer alone, but for the edges."""
    return sources_of(query)[0].margin is not None


def _dimensions(query: UsageQuery) -> set[UsageDimension]:
    return {*query.group_by, *(dimension for dimension, _ in query.filters)}


def _check_pairs(query: UsageQuery, *, by_user: bool) -> None:
    if by_user and (query.tag is not None or query.group_by_tag is not None):
        raise InvalidRequest(
            "Users and tags cannot be combined: usage is summed up per user and per tag, not per pair.",
            param="tag" if query.tag is not None else "group_by",
        )
    if query.tag is not None and query.group_by_tag not in (None, query.tag.name):
        raise InvalidRequest(
            f"Group by 'tag:{query.tag.name}' or by no tag: usage is summed up per tag, not per pair.", param="group_by"
        )


def _tag_sources(query: UsageQuery, tagged: Source, everything: Source) -> list[Source]:
    if query.tag is not None:
        return [tagged]
    return [tagged, everything._replace(grains=tagged.grains, untagged=True)]


def sql_of_source(
    source: Source,
    query: UsageQuery,
    cut: Sequence[Bucket],
    groups: Sequence[str],
    parameters: dict[str, Any],
    *,
    measures: Sequence[str] = MEASURES,
    lead: Lead | None = None,
) -> str:
    """A SELECT of rows with ``bucket``, the groups and ``measures``; adds what it needs to ``parameters``.

    With ``lead``, only of calls in that range. Empty when the source has nothing to say about this time.
    """
    parameters["tenant_id"] = query.tenant_id
    columns = [*(source.column(dimension) for dimension in query.group_by)]
    if query.group_by_tag is not None:
        columns.append("''" if source.untagged else "k.value")
    conditions = _conditions(source, query, parameters, lead)
    named = "".join(f", {column} AS {name}" for column, name in zip(columns, groups, strict=True))
    sums = ", ".join(f"r.{measure} AS {measure}" for measure in measures)
    joins = ""
    if source.margin is None:
        # A LEFT JOIN, although each row has its series: the planner takes a tenant's rows to be of any tenant's series,
        # and would prepare for few to be left.
        joins = " LEFT JOIN events_usage_series s ON s.id = r.series_id AND s.tenant_id = %(tenant_id)s"
    if source.tag:
        joins += (
            f" JOIN events_usage_tag k ON {'k.id::text = r.part' if source.margin is not None else 'k.id = r.tag_id'}"
        )
    return " UNION ALL ".join(
        f"(SELECT {bucket} AS bucket{named}, {sums} FROM {source.table} r{joins}"  # noqa: S608 - constants
        f" WHERE r.tenant_id = %(tenant_id)s AND r.grain = {grain.value} AND {within} AND {conditions})"
        for grain, bucket, within in stretches(source, cut, parameters)
    )


def sql_of_sources(
    sources: Sequence[Source],
    query: UsageQuery,
    cut: Sequence[Bucket],
    groups: Sequence[str],
    parameters: dict[str, Any],
    *,
    measures: Sequence[str] = MEASURES,
) -> str:
    """Their rows in one SELECT (:func:`sql_of_source`); empty when none has anything to say about this time."""
    found = (sql_of_source(source, query, cut, groups, parameters, measures=measures) for source in sources)
    return " UNION ALL ".join(sql for sql in found if sql)


def _conditions(source: Source, query: UsageQuery, parameters: dict[str, Any], lead: Lead | None) -> str:
    conditions: list[str] = []
    of_series = ["s.tenant_id = %(tenant_id)s"]
    for dimension, value in query.filters:
        parameters[f"only_{dimension.value}"] = value
        (of_series if source.column(dimension).startswith("s.") else conditions).append(
            f"{source.column(dimension)} = %(only_{dimension.value})s"
        )
    if lead is not None:
        parameters.update(lead_first=lead.first, lead_before=lead.before)
        column = source.column(lead.dimension)
        within = of_series if column.startswith("s.") else conditions
        within += [f"{column} >= %(lead_first)s"] if lead.first is not None else []
        within += [f"{column} < %(lead_before)s"] if lead.before is not None else []
    if source.margin is not None:
        conditions.append(f"r.kind = {source.margin.value}")
    else:
        # An index can tell these rows, and not those of a join.
        found = f"SELECT s.id FROM events_usage_series s WHERE {' AND '.join(of_series)}"  # noqa: S608 - constants
        conditions.append(f"r.series_id = ANY(ARRAY({found}))" if len(of_series) > 1 else "true")
    if source.tag:
        conditions += _tag_conditions(query, parameters)
    return " AND ".join(conditions)


def _tag_conditions(query: UsageQuery, parameters: dict[str, Any]) -> list[str]:
    parameters["tag_name"] = query.tag.name if query.tag is not None else query.group_by_tag
    conditions = ["k.tenant_id = %(tenant_id)s", "k.name = %(tag_name)s"]
    if query.tag is not None and query.tag.value is not None:
        parameters["tag_value"] = query.tag.value
        conditions.append("k.value = %(tag_value)s")
    return conditions


def stretches(source: Source, cut: Sequence[Bucket], parameters: dict[str, Any]) -> list[tuple[Grain, str, str]]:
    """Per grain: SQL of the number of the bucket that a row ``r`` belongs to, and of which rows belong to any.

    Not a join with the buckets: the planner has no idea how many rows lie between two columns, and takes hours of
    a month for a reason to compare everything with everything.
    """
    by_grain: dict[Grain, list[tuple[int, Piece]]] = {}
    for number, bucket in enumerate(cut):
        for piece in pieces(bucket.start_ms, bucket.end_ms, source.grains):
            by_grain.setdefault(piece.grain, []).append((number, piece))
    return [
        (grain, *_stretch_of_grain(f"{source.table}_{grain.value}", grain, numbered, parameters))
        for grain, numbered in by_grain.items()
        if grain in source.only
    ]


def _stretch_of_grain(
    name: str, grain: Grain, numbered: Sequence[tuple[int, Piece]], parameters: dict[str, Any]
) -> tuple[str, str]:
    found = [piece for _, piece in numbered]
    bucket = str(numbered[0][0])
    if numbered[-1][0] != numbered[0][0]:
        parameters[f"{name}_n"] = [number for number, _ in numbered]
        parameters[f"{name}_f"] = [piece.start_ms // 1000 for piece in found]
        bucket = f"(%({name}_n)s::int[])[width_bucket(r.start, {_instants(f'{name}_f')})]"
    if found[-1].end_ms - found[0].start_ms == grain.width_ms:
        # Told by equality, an index goes on to order what happened then, and to tell ranges of it.
        return bucket, f"r.start = to_timestamp({found[0].start_ms // 1000})"
    if all(piece.end_ms == following.start_ms for piece, following in pairwise(found)):
        parameters[f"{name}_l"] = found[-1].end_ms // 1000
        first = found[0].start_ms // 1000
        return bucket, f"r.start >= to_timestamp({first}) AND r.start < to_timestamp(%({name}_l)s)"
    parameters[f"{name}_s"] = [
        start // 1000 for piece in found for start in range(piece.start_ms, piece.end_ms, grain.width_ms)
    ]
    return bucket, f"r.start = ANY({_instants(f'{name}_s')})"


def _instants(parameter: str) -> str:
    return f"ARRAY(SELECT to_timestamp(second) FROM unnest(%({parameter})s::bigint[]) AS second)"  # noqa: S608 - constants
