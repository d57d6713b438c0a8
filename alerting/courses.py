"""Signals over a stretch of time for charts, and what a rule would have done in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from alerting.budget_course import read_burn
from alerting.engine.phases import MINUTE_S, Phase, Position, advance
from alerting.engine.verdicts import Verdict
from alerting.judging import Judged, judge_burn, judge_frame, timing_of
from alerting.memories import judge_anomaly, learned_before
from alerting.rule_frames import frame_for
from alerting.rules import AlertRule

KEPT_S: Final = 3 * 86_400
"""Minutes are kept for so long."""
PREVIEW_S: Final = 86_400
_POINTS: Final = 240


class Spell(msgspec.Struct, frozen=True):
    """One time that the rule fired, or would have."""

    began_at: datetime
    fired_at: datetime
    ended_at: datetime | None


class Course(msgspec.Struct, frozen=True):
    """Values of a rule's signal, and when it fired; ``values`` are None where there is no data."""

    times: list[datetime]
    values: list[float | None]
    spells: list[Spell] = []
    known: bool = True
    """Whether there was anything to look at."""
    low: list[float | None] = []
    high: list[float | None] = []
    """Of anomalies, at each time: what would have been usual."""


def course_of(rule: AlertRule, start_s: int, end_s: int) -> Course:
    """The rule's signal from one minute to another, and what the rule makes of it; not further back than is kept."""
    start_s, end_s = start_s // MINUTE_S * MINUTE_S, end_s // MINUTE_S * MINUTE_S
    if end_s <= start_s:
        return Course([], [], known=False)
    judged = _judged(rule, start_s, end_s)
    first = (start_s - judged.start_s) // MINUTE_S
    values = judged.values[first:]
    step = max(1, -(-len(values) // _POINTS))
    places = range(0, len(values), step)
    return Course(
        [datetime.fromtimestamp(start_s + place * MINUTE_S, UTC) for place in places],
        [_worst(rule, values[place : place + step]) for place in places],
        _spells(rule, judged, start_s, end_s),
        known=_known(rule, values),
        low=_bound(judged.low, first, places),
        high=_bound(judged.high, first, places),
    )


def _known(rule: AlertRule, values: Any) -> bool:
    """Nothing but zeros is no traffic; prompts that did not move are zeros, too."""
    steady = rule.looks_at is not None and rule.looks_at.of_prompts
    return bool(np.isfinite(values).any() and (steady or np.nansum(np.abs(values)) > 0))


def _bound(bound: Any, first: int, places: range) -> list[float | None]:
    if bound is None:
        return []
    picked = [bound[first + place] for place in places]
    return [None if np.isnan(value) else round(max(0.0, float(value)), 6) for value in picked]


def _judged(rule: AlertRule, start_s: int, end_s: int) -> Judged:
    if rule.kind == AlertRule.Kind.BURN_RATE:
        assert rule.slo is not None
        return judge_burn(rule, read_burn(rule.slo, rule.scope, end_s), start_s, end_s)
    if rule.kind == AlertRule.Kind.ANOMALY:
        return judge_anomaly(rule, *learned_before(rule, start_s, end_s), end_s)[0]
    return judge_frame(rule, frame_for(rule, start_s - rule.window_minutes * MINUTE_S, end_s))


def _worst(rule: AlertRule, values: Any) -> float | None:
    """Of the minutes that share a point, the one that the rule is about."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    lowest = rule.operator == "below" or rule.kind == AlertRule.Kind.ABSENCE
    return round(float(known.min() if lowest else known.max()), 6)


def _spells(rule: AlertRule, judged: Judged, start_s: int, end_s: int) -> list[Spell]:
    timing, position, found = timing_of(rule), Position(), list[Spell]()
    for minute_s in range(start_s, end_s, MINUTE_S):
        before = position
        verdict = Verdict(int(judged.verdicts[(minute_s - judged.start_s) // MINUTE_S]))
        position = advance(position, minute_s, verdict, timing)
        if position.phase is Phase.FIRING and before.phase is not Phase.FIRING:
            fired = datetime.fromtimestamp(position.fired_s + MINUTE_S, UTC)
            found.append(Spell(datetime.fromtimestamp(position.since_s, UTC), fired, None))
        elif before.phase is Phase.FIRING and position.phase is not Phase.FIRING:
            ended = datetime.fromtimestamp(minute_s + MINUTE_S, UTC)
            found[-1] = msgspec.structs.replace(found[-1], ended_at=ended)
    return found
