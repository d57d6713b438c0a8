"""What rules and objectives ask of traffic: minutes with all their parts, and good calls among all, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.db import connection

from events.traffic.grains import Grain
from events.traffic.measures import MEASURES, OCTAVE, Kind, Measured
from events.traffic.reading import Stretch
from events.traffic.scores import bucket_of, range_of

_NAMES: Final = ", ".join(MEASURES)
_ZEROS: Final = ", ".join("0" for _ in MEASURES[2:])
_MINUTES: Final = f"""
SELECT r.kind::int, r.part, extract(epoch FROM r.start)::bigint, {_NAMES} FROM events_traffic r
WHERE r.scope = %(scope)s AND r.grain = {Grain.MINUTE.value} AND r.kind = ANY(%(kinds)s)
    AND r.start >= to_timestamp(%(start)s) AND r.start < to_timestamp(%(end)s)
UNION ALL
SELECT -1 - l.measured, '', extract(epoch FROM l.start)::bigint, l.bucket, l.calls, {_ZEROS}
FROM events_traffic_latency l
WHERE %(latencies)s AND l.scope = %(scope)s AND l.grain = {Grain.MINUTE.value}
    AND l.start >= to_timestamp(%(start)s) AND l.start < to_timestamp(%(end)s)
"""  # noqa: S608 - constants
_STRETCH: Final = (
    "r.scope = %(scope)s AND r.grain = %(grain)s AND r.start >= to_timestamp(%(start)s)"
    " AND r.start < to_timestamp(%(end)s)"
)


PartOfMinute = tuple[int, str, int, tuple[float, ...]]
"""Kind, part, the minute's start, and sums as :data:`events.traffic.measures.MEASURES` has them."""
BucketOfMinute = tuple[int, int, int, float]
"""Measured, bucket, the minute's start, and calls."""


def minutes(
    scope: str, stretch: Stretch, kinds: Sequence[Kind], *, latencies: bool
) -> tuple[list[PartOfMinute], list[BucketOfMinute]]:
    """All parts of these kinds in every minute, and histograms, in one statement. Minutes are kept for three days."""
    given: dict[str, Any] = {
        "scope": scope,
        "start": stretch.start_s,
        "end": stretch.end_s,
        "kinds": [kind.value for kind in kinds],
        "latencies": latencies,
    }
    parts: list[PartOfMinute] = []
    buckets: list[BucketOfMinute] = []
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, given)
        for kind, part, at_s, *sums in cursor.fetchall():
            if kind < 0:
                buckets.append((-1 - kind, int(sums[0]), at_s, float(sums[1])))
            else:
                parts.append((kind, part, at_s, tuple(map(float, sums))))
    return parts, buckets


class GoodCalls(msgspec.Struct, frozen=True):
    """Of all calls in one row's time."""

    start_s: int
    good: float
    total: float


class Rows(msgspec.Struct, frozen=True):
    """Of one grain; times without calls are left out of every answer."""

    scope: str
    stretch: Stretch
    grain: Grain

    def answered(self, kind: Kind, part: str) -> list[GoodCalls]:
        """Those that did not fail."""
        return self._of_calls("r.requests - r.errors", "r.requests", kind, part)

    def cheap(self, kind: Kind, part: str, limit_nanousd: float) -> list[GoodCalls]:
        """Of a row all or none, by the mean of their costs: single costs are not counted."""
        priced = "(r.requests - r.price_unknown)"
        good = f"CASE WHEN r.cost_nanousd <= %(limit)s * {priced} THEN {priced} ELSE 0 END"
        return self._of_calls(good, priced, kind, part, limit=limit_nanousd)

    def quick(self, limit_ms: float) -> list[GoodCalls]:
        """By buckets, each good as a whole as far as its upper end: at most nine per cent above the limit is good."""
        good = f"COALESCE(sum(r.calls) FILTER (WHERE power(2.0, (r.bucket - 1) / {OCTAVE}.0) < %(limit)s), 0)"
        statement = (
            f"SELECT extract(epoch FROM r.start)::bigint, {good}, sum(r.calls) FROM events_traffic_latency r"  # noqa: S608
            f" WHERE {_STRETCH} AND r.measured = {Measured.DURATION.value} GROUP BY r.start ORDER BY 1"
        )
        return self._asked(statement, limit=limit_ms)

    def well_scored(self, evaluator: str, segment_kind: str, segment: str, least: float) -> list[GoodCalls]:
        """Scores in buckets; the last two characters of a part are its bucket."""
        good = "COALESCE(sum(r.requests) FILTER (WHERE right(r.part, 2)::int >= %(bucket)s), 0)"
        statement = (
            f"SELECT extract(epoch FROM r.start)::bigint, {good}, sum(r.requests) FROM events_traffic r"  # noqa: S608
            f" WHERE {_STRETCH} AND r.kind = {Kind.SCORE.value}"
            " AND r.part >= %(first)s AND r.part < %(after)s GROUP BY r.start ORDER BY 1"
        )
        first, after = range_of(evaluator, segment_kind, segment)
        return self._asked(statement, bucket=bucket_of(least), first=first, after=after)

    def _of_calls(self, good: str, total: str, kind: Kind, part: str, **given: Any) -> list[GoodCalls]:
        statement = (
            f"SELECT extract(epoch FROM r.start)::bigint, {good}, {total} FROM events_traffic r"  # noqa: S608 - constants
            f" WHERE {_STRETCH} AND r.kind = %(kind)s AND r.part = %(part)s ORDER BY 1"
        )
        return self._asked(statement, kind=kind.value, part=part, **given)

    def _asked(self, statement: str, **given: Any) -> list[GoodCalls]:
        first_s, end_s = self.stretch
        given |= {"scope": self.scope, "grain": self.grain.value, "start": first_s, "end": end_s}
        with connection.cursor() as cursor:
            cursor.execute(statement, given)
            return [GoodCalls(at_s, float(good), float(total)) for at_s, good, total in cursor.fetchall() if total]
