"""What was counted by the minute, read once for all rules of an owner; and good and bad calls of objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.db import connection

from alerting.engine.frames import Frame, LatencyRow, Row
from alerting.objectives import SLO
from events.traffic.grains import Grain
from events.traffic.measures import MEASURES, OCTAVE, Kind, Measured
from events.traffic.scores import bucket_of, range_of

MINUTE_S: Final = 60
_NAMES: Final = ", ".join(MEASURES)
_COUNTED: Final = (Kind.ALL, Kind.ROUTE, Kind.MODEL, Kind.KEY, Kind.REFUSAL, Kind.GUARD, Kind.SCORE, Kind.RETRIEVAL)
_ZEROS: Final = ", ".join("0" for _ in MEASURES[2:])
_FRAME: Final = f"""
SELECT r.kind::int, r.part, extract(epoch FROM r.start)::bigint, {_NAMES} FROM events_traffic r
WHERE r.scope = %(scope)s AND r.grain = {Grain.MINUTE.value} AND r.kind = ANY(%(kinds)s)
    AND r.start >= to_timestamp(%(start)s) AND r.start < to_timestamp(%(end)s)
UNION ALL
SELECT -1 - l.measured, '', extract(epoch FROM l.start)::bigint, l.bucket, l.calls, {_ZEROS}
FROM events_traffic_latency l
WHERE %(latencies)s AND l.scope = %(scope)s AND l.grain = {Grain.MINUTE.value}
    AND l.start >= to_timestamp(%(start)s) AND l.start < to_timestamp(%(end)s)
"""  # noqa: S608 - constants


def read_frame(
    scope: str, start_s: int, end_s: int, *, kinds: Sequence[Kind] = _COUNTED, latencies: bool = True
) -> Frame:
    """Everything of the scope's minutes, in one statement. Edges are full minutes; minutes are kept for three days."""
    given: dict[str, Any] = {
        "scope": scope,
        "start": start_s,
        "end": end_s,
        "kinds": [kind.value for kind in kinds],
        "latencies": latencies,
    }
    rows: list[Row] = []
    histograms: list[LatencyRow] = []
    with connection.cursor() as cursor:
        cursor.execute(_FRAME, given)
        for kind, part, at_s, *sums in cursor.fetchall():
            if kind < 0:
                histograms.append(LatencyRow(-1 - kind, int(sums[0]), at_s, float(sums[1])))
            else:
                rows.append(Row(kind, part, at_s, tuple(map(float, sums))))
    return Frame(start_s, end_s, rows, histograms)


class GoodCalls(msgspec.Struct, frozen=True):
    """Of one objective in one row's time."""

    start_s: int
    good: float
    total: float


def read_objective(slo: SLO, scope: str, start_s: int, end_s: int, grain: Grain) -> list[GoodCalls]:
    """Good calls and all calls in rows of one grain; times without calls are left out.

    Calls are good by their cost where the mean of their row's is within the limit: single costs are not counted.
    """
    statement, given = _OF_KIND.get(slo.kind, _of_calls)(slo)
    given |= {"scope": scope, "grain": grain.value, "start": start_s, "end": end_s}
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return [GoodCalls(at_s, float(good), float(total)) for at_s, good, total in cursor.fetchall() if total]


_STRETCH: Final = (
    "r.scope = %(scope)s AND r.grain = %(grain)s AND r.start >= to_timestamp(%(start)s)"
    " AND r.start < to_timestamp(%(end)s)"
)


def _of_calls(slo: SLO) -> tuple[str, dict[str, Any]]:
    kind, part = slo.calls.of
    if slo.kind == SLO.Kind.AVAILABILITY:
        good, total = "r.requests - r.errors", "r.requests"
    else:
        priced = "(r.requests - r.price_unknown)"
        good, total = f"CASE WHEN r.cost_nanousd <= %(limit)s * {priced} THEN {priced} ELSE 0 END", priced
    statement = (
        f"SELECT extract(epoch FROM r.start)::bigint, {good}, {total} FROM events_traffic r"  # noqa: S608 - constants
        f" WHERE {_STRETCH} AND r.kind = %(kind)s AND r.part = %(part)s ORDER BY 1"
    )
    return statement, {"kind": kind.value, "part": part, "limit": slo.limit}


def _of_latency(slo: SLO) -> tuple[str, dict[str, Any]]:
    """A bucket is good as a whole, as far as its upper end: at most nine per cent above the limit is still good."""
    good = f"COALESCE(sum(r.calls) FILTER (WHERE power(2.0, (r.bucket - 1) / {OCTAVE}.0) < %(limit)s), 0)"
    statement = (
        f"SELECT extract(epoch FROM r.start)::bigint, {good}, sum(r.calls) FROM events_traffic_latency r"  # noqa: S608
        f" WHERE {_STRETCH} AND r.measured = {Measured.DURATION.value} GROUP BY r.start ORDER BY 1"
    )
    return statement, {"limit": slo.limit}


def _of_scores(slo: SLO) -> tuple[str, dict[str, Any]]:
    """Scores in buckets; the last two characters of a part are its bucket."""
    good = "COALESCE(sum(r.requests) FILTER (WHERE right(r.part, 2)::int >= %(bucket)s), 0)"
    statement = (
        f"SELECT extract(epoch FROM r.start)::bigint, {good}, sum(r.requests) FROM events_traffic r"  # noqa: S608
        f" WHERE {_STRETCH} AND r.kind = {Kind.SCORE.value}"
        " AND r.part >= %(first)s AND r.part < %(after)s GROUP BY r.start ORDER BY 1"
    )
    first, after = range_of(slo.evaluator, slo.segment_kind, slo.segment)
    return statement, {"bucket": bucket_of(slo.limit or 0.0), "first": first, "after": after}


_OF_KIND: Final = {SLO.Kind.LATENCY.value: _of_latency, SLO.Kind.SCORE.value: _of_scores}
