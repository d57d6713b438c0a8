"""One look of a monitor: what it would say of a window. Reads, and changes nothing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from evaluation.drift.reading import Read, read
from evaluation.drift.rows import DriftCheck, DriftFinding, DriftMonitor
from evaluation.engine.drift.judging import EVERYWHERE, Judged, Terms, judged
from evaluation.engine.drift.windows import Span, reference_spans
from evaluation.engine.drift_signals import CALLS, DRIFT_SIGNALS, SAMPLES

PREVIEW_PART: Final = 0.2
"""Of what a look reads at most; people wait for a preview."""
PREVIEW_VECTORS: Final = 300
Outcome = DriftCheck.Outcome


def look(monitor: DriftMonitor, *, now: datetime, preview: bool = False) -> tuple[DriftCheck, list[DriftFinding]]:
    """The rows that recording this look would write, unsaved."""
    began = time.monotonic()
    window, spans = windows_of(monitor, now)
    tables = read(monitor, window, spans, part=PREVIEW_PART if preview else 1.0)
    terms = Terms(
        level=monitor.level,
        least_values=monitor.least_values,
        least_effects=monitor.least_effects,
        # The same rows are judged alike by every process, and by every look at them.
        seed=zlib.crc32(f"{monitor.pk} {window[1]}".encode()),
        **({"most_vectors": PREVIEW_VECTORS} if preview else {}),
    )
    signals = [DRIFT_SIGNALS[name] for name in monitor.signals]
    found = judged({name: table.rows for name, table in tables.items()}, signals, terms)
    check = _check(monitor, window, spans, tables, found)
    check.took_ms = int((time.monotonic() - began) * 1000)
    return check, [_finding(check, one) for one in found]


def windows_of(monitor: DriftMonitor, now: datetime) -> tuple[Span, list[Span]]:
    """The window up to the last whole minute, and the stretches that it is compared with."""
    end = now.timestamp() // 60 * 60
    start = end - monitor.window_minutes * 60
    fixed = None
    if monitor.reference_start is not None and monitor.reference_end is not None:
        fixed = monitor.reference_start.timestamp(), monitor.reference_end.timestamp()
    return (start, end), reference_spans(monitor.reference, start, end, periods=monitor.periods, fixed=fixed)


def _check(
    monitor: DriftMonitor, window: Span, spans: list[Span], tables: Mapping[str, Read], found: list[Judged]
) -> DriftCheck:
    tests = sum(1 for one in found if one.compared.tested.test)
    drifted = sum(one.drifted for one in found)
    calls, samples = tables.get(CALLS), tables.get(SAMPLES)
    if not tests:
        outcome, why = Outcome.CANNOT_TELL, _why_not(monitor, spans, tables, found)
    else:
        outcome, why = (Outcome.DRIFTED if drifted else Outcome.STEADY), ""
    return DriftCheck(
        tenant_id=monitor.tenant_id,
        monitor=monitor,
        window_start=moment(window[0]),
        window_end=moment(window[1]),
        spans=[list(span) for span in spans],
        outcome=outcome,
        why=why,
        calls=calls.window if calls else 0,
        reference_calls=calls.reference if calls else 0,
        samples=samples.window if samples else 0,
        reference_samples=samples.reference if samples else 0,
        tests=tests,
        drifted=drifted,
    )


def _why_not(monitor: DriftMonitor, spans: list[Span], tables: Mapping[str, Read], found: list[Judged]) -> str:
    """What is missing, where it is most of all there."""
    if not spans:
        return "The reference ends before it begins: the window reaches into it."
    best = max(
        (one for one in found if one.segment == EVERYWHERE),
        key=lambda one: min(one.compared.tested.current, one.compared.tested.reference),
    )
    tested, signal = best.compared.tested, DRIFT_SIGNALS[best.signal]
    read_rows = tables[signal.source]
    said = f"{signal.title}: {tested.current:,} in the window and {tested.reference:,} in the reference"
    missing = f"{monitor.least_values:,} are needed in each"
    if signal.source == SAMPLES and not read_rows.window_of:
        return f"{said}; {missing}. No calls of the window were sampled: a live evaluation samples them."
    return f"{said}; {missing}."


def _finding(check: DriftCheck, one: Judged) -> DriftFinding:
    compared = one.compared
    tested = compared.tested
    return DriftFinding(
        tenant_id=check.tenant_id,
        check_row=check,
        signal=one.signal,
        segment=one.segment,
        test=tested.test,
        statistic=_known(tested.statistic),
        effect=_known(compared.effect),
        least=one.least,
        usual=one.usual,
        index=_known(compared.index),
        p=_known(tested.p),
        q=_known(one.q),
        values=tested.current,
        reference_values=tested.reference,
        drifted=one.drifted,
        figures=compared.figures,
        shape=msgspec.to_builtins(one.shape) if one.shape else {},
        examples=[msgspec.to_builtins(example) for example in one.examples],
    )


def moment(seconds: float) -> datetime:
    """Of Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def next_look(monitor: DriftMonitor, now: datetime) -> datetime:
    """When it looks again: on the minutes of its cadence, so that looks stay evenly apart."""
    every = monitor.every_minutes * 60
    return moment((now.timestamp() // every + 1) * every) + timedelta(seconds=_spread(monitor.pk))


def _spread(key: Any) -> int:
    """Seconds after the full minute, so that not all monitors look at once."""
    return zlib.crc32(str(key).encode()) % 60


def _known(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)
