"""Reads what a monitor looks at: rows of calls and of samples, a fair part of each where there are many.

Which calls are looked at follows from their ids, so the same ones are, however often it looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from django.db import connection

from contracts.live_samples import NOT_LIVE
from embeddings.static import DIMENSIONS
from evaluation.drift.rows import DriftMonitor
from evaluation.engine.drift.judging import Sampled
from evaluation.engine.drift.windows import Span
from evaluation.engine.drift_signals import CALLS, DRIFT_SIGNALS, MEANING, NO, NUMBER, SAMPLES, YES
from events.models import RunState
from events.selectors import MAX_RUN_DURATION

MOST_CALLS: Final = 20_000
"""Of a window, and of its reference as a whole."""
MOST_SAMPLES: Final = 2_000
_HASHES: Final = 2**32
_SEGMENTS: Final = {
    "": "''",
    "route": "COALESCE({row}.route, '')",
    "model": "COALESCE({row}.model, '')",
    "provider": "COALESCE({row}.provider, '')",
    "key": "COALESCE({row}.key_id, '')",
    "tag": "COALESCE({row}.tags ->> %(tag)s, '')",
}
_ONLY: Final = "".join(
    f" AND (%({name})s = '' OR {{row}}.{name} = %({name})s)" for name in ("route", "model", "key_id")
)
_IN_SPANS: Final = (
    "FROM unnest(%(periods)s::int[], %(since)s::float8[], %(until)s::float8[]) AS s(period, since, until)"
    " JOIN {table} {row} ON {row}.{at} >= to_timestamp(s.since) AND {row}.{at} < to_timestamp(s.until)"
    " WHERE {row}.tenant_id = %(tenant)s" + _ONLY
)
_CALLS: Final = _IN_SPANS.format(table="events_run", row="r", at="started_at") + (
    f" AND r.state IN ({RunState.COMPLETED.value}, {RunState.FAILED.value})"
    " AND NOT COALESCE(r.tags ->> 'source', '') = ANY(%(left_out)s)"
)
_SAMPLES: Final = _IN_SPANS.format(table="evaluation_livesample", row="l", at="at")
_PART: Final = " AND hashtext({key})::bigint + 2147483648 < %(hashes)s"
_HITS: Final = (
    "WITH hits AS MATERIALIZED (SELECT DISTINCT e.correlation_id"
    " FROM unnest(%(since)s::float8[], %(until)s::float8[]) AS t(since, until)"
    " JOIN events_event e ON e.occurred_at >= to_timestamp(t.since)"
    " AND e.occurred_at < to_timestamp(t.until) + %(longest)s"
    " WHERE e.tenant_id = %(tenant)s AND e.event_type = 'guardrail.rule.matched') "
)
_HIT: Final = "r.correlation_id IN (SELECT correlation_id FROM hits)"
_OF_CALLS: Final[Mapping[str, str]] = {
    "latency": "r.duration_ms",
    "first_token": "r.first_token_ms",
    "cost": "r.cost_nanousd::float8",
    "input_length": "r.input_tokens::float8",
    "output_length": f"CASE WHEN r.state = {RunState.COMPLETED.value} THEN r.output_tokens::float8 END",
    "failures": f"CASE WHEN r.state = {RunState.FAILED.value} THEN '{YES}' ELSE '{NO}' END",
    "finish": "NULLIF(r.finish_reason, '')",
    "guardrails": f"CASE WHEN {_HIT} THEN '{YES}' ELSE '{NO}' END",
}
_OF_SAMPLES: Final[Mapping[str, str]] = {
    "refusals": f"CASE WHEN l.refused THEN '{YES}' ELSE '{NO}' END",
    "input_language": "NULLIF(l.input_language, '')",
    "output_language": "NULLIF(l.output_language, '')",
    "input_meaning": "l.input_embedding::real[]",
    "output_meaning": "l.output_embedding::real[]",
}


class Read(msgspec.Struct):
    """A table, and how many rows of it were looked at of how many there are."""

    rows: Sampled
    window: int
    reference: int
    window_of: int
    reference_of: int


class _Source(msgspec.Struct, frozen=True):
    key: str
    rows: str
    segments: str
    columns: Mapping[str, str]
    most: int
    tenant: Callable[[DriftMonitor], Any]


_SOURCES: Final = {
    CALLS: _Source("r.correlation_id", _CALLS, "r", _OF_CALLS, MOST_CALLS, lambda monitor: str(monitor.tenant_id)),
    SAMPLES: _Source("l.run_id", _SAMPLES, "l", _OF_SAMPLES, MOST_SAMPLES, lambda monitor: monitor.tenant_id),
}


def read(monitor: DriftMonitor, window: Span, reference: Sequence[Span], *, part: float = 1.0) -> dict[str, Read]:
    """By source, for those that the monitor's signals come from; ``part`` of as much as is read at most."""
    found = {}
    for name in dict.fromkeys(DRIFT_SIGNALS[one].source for one in monitor.signals):
        source = _SOURCES[name]
        wanted = [one for one in monitor.signals if DRIFT_SIGNALS[one].source == name]
        sides = [
            _side(monitor, source, wanted, spans, first, part) for first, spans in ((0, [window]), (1, list(reference)))
        ]
        (now, now_of), (before, before_of) = sides
        found[name] = Read(_table(wanted, [*now, *before]), len(now), len(before), now_of, before_of)
    return found


def _side(
    monitor: DriftMonitor, source: _Source, wanted: Sequence[str], spans: Sequence[Span], first: int, part: float
) -> tuple[list[tuple[Any, ...]], int]:
    """Rows of some spans, numbered from ``first`` on, and how many there are."""
    if not spans:
        return [], 0
    given: dict[str, Any] = {
        "tenant": source.tenant(monitor),
        "periods": list(range(first, first + len(spans))),
        "since": [since for since, _ in spans],
        "until": [until for _, until in spans],
        "route": monitor.route,
        "model": monitor.model,
        "key_id": monitor.key_id,
        "tag": monitor.segment_tag,
        "left_out": sorted(NOT_LIVE),
        "longest": MAX_RUN_DURATION,
    }
    most = max(1, int(source.most * part))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {source.rows}", given)
        (count,) = cursor.fetchone()
        given["hashes"] = _HASHES if count <= most else int(_HASHES * most / count)
        segment = _SEGMENTS[monitor.segment_by].format(row=source.segments)
        columns = ", ".join(["s.period", source.key, f"left({segment}, 200)", *(source.columns[one] for one in wanted)])
        cursor.execute(
            f"{_HITS if 'guardrails' in wanted else ''}SELECT {columns} {source.rows}{_PART.format(key=source.key)}"
            f" ORDER BY hashtext({source.key}) LIMIT {most + most // 10 + 100}",
            given,
        )
        return cursor.fetchall(), int(count)


def _table(wanted: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Sampled:
    return Sampled(
        ids=[row[1] for row in rows],
        segments=[row[2] for row in rows],
        periods=np.array([row[0] for row in rows], dtype=np.int64),
        values={name: _column(name, [row[place] for row in rows]) for place, name in enumerate(wanted, start=3)},
    )


def _column(name: str, values: Sequence[Any]) -> Any:
    kind = DRIFT_SIGNALS[name].kind
    if kind == NUMBER:
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    if kind != MEANING:
        return np.array(values, dtype=object)
    vectors = np.full((len(values), DIMENSIONS), np.nan, dtype=np.float32)
    for place, value in enumerate(values):
        if value is not None:
            vectors[place] = value
    return vectors
