"""What was counted by the minute, read once for all rules of an owner; and good and bad calls of objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alerting.engine.frames import Frame, LatencyRow, Row
from alerting.objectives import SLO
from events.traffic.grains import Grain
from events.traffic.measures import Kind
from events.traffic.minutes import GoodCalls, Rows, minutes
from events.traffic.reading import Stretch

MINUTE_S: Final = 60
_COUNTED: Final = (Kind.ALL, Kind.ROUTE, Kind.MODEL, Kind.KEY, Kind.REFUSAL, Kind.GUARD, Kind.SCORE, Kind.RETRIEVAL)


def read_frame(
    scope: str, start_s: int, end_s: int, *, kinds: Sequence[Kind] = _COUNTED, latencies: bool = True
) -> Frame:
    """Everything of the scope's minutes. Edges are full minutes; minutes are kept for three days."""
    parts, buckets = minutes(scope, Stretch(start_s, end_s), kinds, latencies=latencies)
    return Frame(start_s, end_s, [Row(*one) for one in parts], [LatencyRow(*one) for one in buckets])


def read_objective(slo: SLO, scope: str, start_s: int, end_s: int, grain: Grain) -> list[GoodCalls]:
    """Good calls and all calls in rows of one grain; times without calls are left out."""
    rows = Rows(scope, Stretch(start_s, end_s), grain)
    limit = slo.limit or 0.0
    if slo.kind == SLO.Kind.LATENCY:
        return rows.quick(limit)
    if slo.kind == SLO.Kind.SCORE:
        return rows.well_scored(slo.evaluator, slo.segment_kind, slo.segment, limit)
    kind, part = slo.calls.of
    return rows.answered(kind, part) if slo.kind == SLO.Kind.AVAILABILITY else rows.cheap(kind, part, limit)
