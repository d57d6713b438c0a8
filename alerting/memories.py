"""What anomaly rules have learned, kept between checks.

A rule's memory ends a quarter of an hour before the last minute that was looked at, since events may come late: each
check goes on from there with a copy. A rule without a memory learns from the minutes that are kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from alerting.engine.frames import Frame
from alerting.engine.tolerances import default_tolerance, is_absolute
from alerting.engine.watching import EVIDENCE, THRESHOLDS, Watch, Watching, WatchState
from alerting.judging import Judged, anomaly_series
from alerting.rule_frames import frame_for
from alerting.rules import AlertRule, AnomalyMemory

log = logging.getLogger(__name__)

MINUTE_S: Final = 60
KEPT_S: Final = 3 * 86_400
"""Minutes are kept for so long: a new rule learns from them."""
KEEP_EVERY_S: Final = 10 * MINUTE_S
"""A memory is written so often: what came since is gone over again."""
MOST_LEARNED: Final = 30
"""Rules that learn from all minutes there are, in one check: a fifth of a second each. Others wait for the next."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[WatchState | None] = msgspec.msgpack.Decoder(WatchState | None)


class Memory(msgspec.Struct, frozen=True):
    """What was learned up to a minute; no state where there was no data until then."""

    until_s: int
    state: WatchState | None = None
    stored: bool = False


def watching(rule: AlertRule) -> Watching:
    """What is unusual enough for the rule."""
    signal = rule.looks_at
    assert signal is not None
    tolerance = default_tolerance(signal) if rule.tolerance is None else rule.tolerance
    absolute = is_absolute(signal)
    return Watching(
        above=rule.operator != "below",
        below=rule.operator != "above",
        threshold=THRESHOLDS[rule.sensitivity],
        tolerance=tolerance if absolute else 0.0,
        relative=0.0 if absolute else tolerance,
        evidence=EVIDENCE[rule.sensitivity],
        yes_or_no=signal.yes_or_no,
    )


def of(rule: AlertRule) -> str:
    """What a memory is of: one of something else is of no use to the rule."""
    how = watching(rule)
    parts = (rule.signal, rule.segment_kind, rule.segment, rule.window_minutes, rule.min_requests)
    told = msgspec.json.encode((*parts, how.tolerance, how.relative, getattr(rule, "evaluator", "")))
    return hashlib.sha256(told).hexdigest()


def judge_anomaly(rule: AlertRule, frame: Frame, memory: Memory, keep_s: int) -> tuple[Judged, Memory]:
    """Every minute of the frame from the memory on, and the memory as it is at ``keep_s``."""
    series = anomaly_series(rule, frame)
    begin = max(0, (memory.until_s - frame.start_s) // MINUTE_S)
    values = series.values[begin:]
    minutes = None if series.of is None else list(zip(*(part[begin:].tolist() for part in series.of), strict=True))
    settled = max(0, (keep_s - memory.until_s) // MINUTE_S)
    watch = Watch(watching(rule), memory.state)
    first = watch.follow(values[:settled], minutes and minutes[:settled])
    kept = Memory(memory.until_s + settled * MINUTE_S, watch.state()) if settled else memory
    last = watch.follow(values[settled:], minutes and minutes[settled:])
    judged = Judged(
        memory.until_s,
        _joined(first.verdicts, last.verdicts),
        values,
        low=_joined(first.low, last.low),
        high=_joined(first.high, last.high),
    )
    return judged, kept


def _joined(one: Any, other: Any) -> Any:
    return np.concatenate((one, other))


def remembered(rules: Sequence[AlertRule], firsts: Mapping[Any, int]) -> dict[Any, Memory]:
    """By rule, what the anomaly rules among these know before the first minute that is looked at.

    Rules that have yet to learn, beyond :data:`MOST_LEARNED`, are left out.
    """
    anomalies = [rule for rule in rules if rule.kind == AlertRule.Kind.ANOMALY and rule.looks_at is not None]
    if not anomalies:
        return {}
    owner = anomalies[0].tenant_id
    rows = {row.rule_id: row for row in AnomalyMemory.objects.filter(tenant=owner, rule__in=anomalies)}
    found: dict[Any, Memory] = {}
    learned = 0
    for rule in anomalies:
        memory = _of_row(rule, rows.get(rule.pk), firsts[rule.pk])
        if memory is None or firsts[rule.pk] - memory.until_s > 2 * KEEP_EVERY_S:
            if learned >= MOST_LEARNED:
                continue
            learned += 1
            memory = learn(rule, memory, firsts[rule.pk])
        found[rule.pk] = memory
    return found


def learn(rule: AlertRule, memory: Memory | None, until_s: int) -> Memory:
    """Go on to a minute, or begin with the oldest one that is kept. Minutes that nobody has any more are skipped."""
    earliest_s = until_s - KEPT_S
    memory = memory or Memory(earliest_s)
    if memory.until_s < earliest_s:
        watch = Watch(watching(rule), memory.state)
        watch.skip((earliest_s - memory.until_s) // MINUTE_S)
        memory = Memory(earliest_s, watch.state())
    frame = frame_for(rule, memory.until_s - rule.window_minutes * MINUTE_S, until_s)
    return msgspec.structs.replace(judge_anomaly(rule, frame, memory, until_s)[1], stored=False)


def learned_before(rule: AlertRule, start_s: int, end_s: int) -> tuple[Frame, Memory]:
    """The minutes up to ``end_s`` and before ``start_s``, as a rule that nobody saved yet would have learned them."""
    begin_s = min(start_s, end_s - KEPT_S)
    return frame_for(rule, begin_s - rule.window_minutes * MINUTE_S, end_s), Memory(begin_s)


def keep(rule: AlertRule, before: Memory, after: Memory) -> None:
    """Write what was learned, in the transaction of the check: a check that dies has learned nothing."""
    if after.until_s == before.until_s and before.stored:
        return
    learned = {
        "of": of(rule),
        "learned_until": datetime.fromtimestamp(after.until_s, UTC),
        "state": _encoder.encode(after.state),
    }
    if not AnomalyMemory.objects.filter(tenant=rule.tenant_id, rule=rule).update(**learned):
        AnomalyMemory.objects.create(tenant_id=rule.tenant_id, rule=rule, **learned)


def _of_row(rule: AlertRule, row: AnomalyMemory | None, first_s: int) -> Memory | None:
    """None where there is none, or none of use."""
    if row is None or row.of != of(rule):
        return None
    until_s = int(row.learned_until.timestamp())
    try:
        return Memory(until_s, _decoder.decode(bytes(row.state)), True) if until_s <= first_s else None
    except msgspec.DecodeError:
        # Written by another version: learned anew from the minutes there are.
        log.warning("what the rule %s has learned cannot be read", rule.pk)
        return None
