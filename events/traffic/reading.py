"""What pages ask of traffic: sums, their course, who has most, and latencies. Every answer is of one scope.

A scope is a tenant's id or :data:`events.traffic.measures.PLATFORM`. Stretches are in Unix seconds; their edges are
those of :func:`events.traffic.grains.snapped`, or any full minute of the last days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from django.db import connection

from events.traffic.grains import GRAINS, Grain, Piece, pieces
from events.traffic.measures import MEASURES, Kind, Measured

OTHER: Final = "\x01"
"""The part of a course that is all parts which are not asked for by name."""
_SUMS: Final = ", ".join(f"COALESCE(sum({name}), 0)::bigint" for name in MEASURES)
_NAMES: Final = ", ".join(MEASURES)

RANKED_BY: Final = {
    "requests": "sum(requests)",
    "cost": "sum(cost_nanousd)",
    "errors": "sum(errors)",
    "latency": "sum(duration_us)::float8 / NULLIF(sum(requests), 0)",
}


class Stretch(NamedTuple):
    """From ``start_s`` up to, not including, ``end_s``."""

    start_s: int
    end_s: int


class Sums(msgspec.Struct, frozen=True):
    """Of calls that ended; money in nano-USD, durations in microseconds."""

    requests: int = 0
    errors: int = 0
    cached_answers: int = 0
    fallbacks: int = 0
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanousd: int = 0
    price_unknown: int = 0
    duration_us: int = 0

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    @property
    def error_rate(self) -> float | None:
        """A share of 1; None without calls."""
        return self.errors / self.requests if self.requests else None

    @property
    def mean_ms(self) -> float | None:
        """What a call took on average; None without calls."""
        return self.duration_us / self.requests / 1000 if self.requests else None


class Totals(NamedTuple):
    """Everything of one stretch."""

    calls: Sums
    refused: int


class Ranked(NamedTuple):
    """One route, model, key or tenant."""

    part: str
    sums: Sums


class Axis(NamedTuple):
    """A stretch in equal steps; the first and the last may be cut."""

    stretch: Stretch
    first_s: int
    """When the first step begins, at or before the stretch."""
    step_s: int

    @property
    def points(self) -> list[int]:
        """When each step begins."""
        return list(range(self.first_s, self.stretch.end_s, self.step_s))


def axis(stretch: Stretch, step_s: int, utc_offset_s: int = 0) -> Axis:
    """With steps that begin where the day of a zone with this offset does."""
    return Axis(stretch, stretch.start_s - (stretch.start_s + utc_offset_s) % step_s, step_s)


def totals(scope: str, stretches: Sequence[Stretch]) -> list[Totals]:
    """The sums of each stretch."""
    parts = [
        f"SELECT {number} AS n, r.kind, {_NAMES} FROM events_traffic r WHERE r.scope = %s"  # noqa: S608 - numbers
        f" AND r.kind IN ({Kind.ALL.value}, {Kind.REFUSAL.value}) AND {_within(piece)}"
        for number, stretch in enumerate(stretches)
        for piece in pieces(*stretch)
    ]
    found: dict[tuple[int, int], Sums] = {}
    for n, kind, *sums in _rows(parts, scope, "n, kind", _SUMS):
        found[n, kind] = Sums(*sums)
    return [
        Totals(
            found.get((number, Kind.ALL), Sums()),
            found.get((number, Kind.REFUSAL), Sums()).requests,
        )
        for number in range(len(stretches))
    ]


def course(
    scope: str,
    kinds: Sequence[Kind],
    over: Axis,
    only: Sequence[str] | None = None,
    *,
    parts_from: str = "",
    parts_to: str = "",
) -> dict[Kind, dict[str, list[Sums]]]:
    """Per kind and part, the sums of every step.

    With ``only``, every other part is :data:`OTHER`; with ``parts_to``, only parts from ``parts_from`` up to, not
    including, it are looked at.
    """
    part = "''" if only is None and kinds == (Kind.ALL,) else "r.part"
    if only is not None:
        part = f"CASE WHEN r.part = ANY(%s) THEN r.part ELSE '{OTHER}' END"
    named = ", ".join(str(kind.value) for kind in kinds)
    between = " AND r.part >= %s AND r.part < %s" if parts_to else ""
    parts = [
        f"SELECT {_step(over)} AS n, r.kind, {part} AS part, {_NAMES} FROM events_traffic r"  # noqa: S608 - numbers
        f" WHERE r.scope = %s AND r.kind IN ({named}) AND {_within(piece)}{between}"
        for piece in pieces(*over.stretch, _grains(over))
    ]
    count = len(over.points)
    found: dict[Kind, dict[str, list[Sums]]] = {kind: {} for kind in kinds}
    before = [] if only is None else [list(only)]
    then = [parts_from, parts_to] if parts_to else []
    for n, kind, name, *sums in _rows(parts, scope, "n, kind, part", _SUMS, before=before, then=then):
        steps = found[Kind(kind)].setdefault(name, [Sums()] * count)
        steps[n] = Sums(*sums)
    return found


def ranking(scope: str, kind: Kind, stretch: Stretch, by: str = "requests", limit: int = 8) -> list[Ranked]:
    """Those with most, by a key of :data:`RANKED_BY`; who has nothing of it is left out."""
    order = RANKED_BY[by]
    parts = [
        f"SELECT r.part, {_NAMES} FROM events_traffic r"  # noqa: S608 - numbers
        f" WHERE r.scope = %s AND r.kind = {kind.value} AND {_within(piece)}"
        for piece in pieces(*stretch)
    ]
    found = _rows(
        parts, scope, "part", _SUMS, after=f"HAVING {order} > 0 ORDER BY {order} DESC, part LIMIT {int(limit)}"
    )
    return [Ranked(part, Sums(*sums)) for part, *sums in found]


def sums_by_part(
    scope: str, kind: Kind, stretches: Sequence[Stretch], parts_from: str = "", parts_to: str = ""
) -> list[dict[str, Sums]]:
    """The sums of each stretch by part; with ``parts_to`` only of parts from ``parts_from`` up to it, not included."""
    between = " AND r.part >= %s AND r.part < %s" if parts_to else ""
    parts = [
        f"SELECT {number} AS n, r.part, {_NAMES} FROM events_traffic r"  # noqa: S608 - numbers
        f" WHERE r.scope = %s AND r.kind = {kind.value} AND {_within(piece)}{between}"
        for number, stretch in enumerate(stretches)
        for piece in pieces(*stretch)
    ]
    found: list[dict[str, Sums]] = [{} for _ in stretches]
    for n, part, *sums in _rows(parts, scope, "n, part", _SUMS, then=[parts_from, parts_to] if parts_to else ()):
        found[n][part] = Sums(*sums)
    return found


def latencies(scope: str, stretches: Sequence[Stretch]) -> list[dict[Measured, dict[int, int]]]:
    """The histograms of each stretch."""
    parts = [
        f"SELECT {number} AS n, r.measured, r.bucket, r.calls FROM events_traffic_latency r"  # noqa: S608 - numbers
        f" WHERE r.scope = %s AND {_within(piece)}"
        for number, stretch in enumerate(stretches)
        for piece in pieces(*stretch)
    ]
    return _histograms(parts, scope, len(stretches))


def latency_course(scope: str, over: Axis) -> list[dict[Measured, dict[int, int]]]:
    """The histograms of every step."""
    parts = [
        f"SELECT {_step(over)} AS n, r.measured, r.bucket, r.calls FROM events_traffic_latency r"  # noqa: S608 - numbers
        f" WHERE r.scope = %s AND {_within(piece)}"
        for piece in pieces(*over.stretch, _grains(over))
    ]
    return _histograms(parts, scope, len(over.points))


def _histograms(parts: Sequence[str], scope: str, count: int) -> list[dict[Measured, dict[int, int]]]:
    found: list[dict[Measured, dict[int, int]]] = [{measured: {} for measured in Measured} for _ in range(count)]
    # A member is its number; looking it up for each of tens of thousands of rows would take longer than the query.
    for n, measured, bucket, calls in _rows(parts, scope, "n, measured, bucket", "sum(calls)::bigint"):
        found[n][measured][bucket] = calls
    return found


def _grains(over: Axis) -> Sequence[Grain]:
    """Those whose rows lie within one step each."""
    fitting = [g for g in GRAINS if over.step_s % g.width_s == 0 and over.first_s % g.width_s == 0]
    return fitting or GRAINS[-1:]


def _step(over: Axis) -> str:
    return f"((extract(epoch FROM r.start)::bigint - {int(over.first_s)}) / {int(over.step_s)})::int"


def _within(piece: Piece) -> str:
    return (
        f"r.grain = {piece.grain.value} AND r.start >= to_timestamp({int(piece.start_s)})"
        f" AND r.start < to_timestamp({int(piece.end_s)})"
    )


def _rows(
    parts: Sequence[str],
    scope: str,
    keys: str,
    sums: str,
    *,
    after: str = "",
    before: Sequence[Any] = (),
    then: Sequence[Any] = (),
) -> list[tuple[Any, ...]]:
    """The parts together, summed up by keys; each part has the parameters ``before``, the scope, and ``then``."""
    if not parts:
        return []
    statement = f"SELECT {keys}, {sums} FROM ({' UNION ALL '.join(parts)}) part GROUP BY {keys} {after}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*before, scope, *then] * len(parts))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
