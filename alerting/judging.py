"""What rules make of minutes: used by the check that goes on, and by the preview of a rule that is not saved yet."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from alerting.budget_course import BurnSeries
from alerting.engine.frames import Frame
from alerting.engine.measuring import series_of
from alerting.engine.phases import Timing
from alerting.engine.series import Floats, Series
from alerting.engine.signals import SIGNALS
from alerting.engine.verdicts import Threshold, Verdict, Verdicts, by_absence, by_threshold
from alerting.owned import RANKS, Severity
from alerting.rules import AlertRule
from console import formats
from events.traffic.measures import Kind

_SEVERITY_OF: Final = {"page": Severity.CRITICAL.value, "ticket": Severity.WARNING.value}


class Judged(msgspec.Struct, frozen=True):
    """A rule's view of minutes that begin at ``start_s``."""

    start_s: int
    verdicts: Verdicts
    values: Floats
    severities: dict[int, str] = {}
    """By place, where it is not the rule's own."""
    low: Floats | None = None
    high: Floats | None = None
    """Of anomalies: what would have been usual."""

    def usual(self, place: int) -> tuple[float, float] | None:
        """What would have been usual there; None where nobody knows."""
        if self.low is None or self.high is None or np.isnan(self.low[place]):
            return None
        return float(self.low[place]), float(self.high[place])


def timing_of(rule: AlertRule) -> Timing:
    """Absence lasts until calls come back."""
    lapse = None if rule.kind == AlertRule.Kind.ABSENCE else 30
    # Both look at several minutes by themselves.
    first = 1 if rule.kind in (AlertRule.Kind.BURN_RATE, AlertRule.Kind.ANOMALY) else rule.for_minutes
    return Timing(first, rule.clear_minutes, lapse)


def judge_frame(rule: AlertRule, frame: Frame) -> Judged:
    """A threshold, or an absence, at each minute of the frame."""
    if rule.kind == AlertRule.Kind.ABSENCE:
        calls = frame.measure("requests", *rule.calls.of)
        if rule.calls.kind == "all":
            calls = calls + frame.over_parts("requests", Kind.REFUSAL)
        return Judged(frame.start_s, by_absence(calls, rule.window_minutes, rule.min_requests), calls)
    series = series_of(frame, SIGNALS[rule.signal], rule.calls, rule.window_minutes)
    assert rule.threshold is not None
    # Where few calls are the worry itself, it takes none to tell.
    least = 0 if rule.signal == "requests" else rule.min_requests
    limits = Threshold(rule.operator == "above", rule.threshold, rule.clear_at, least)
    return Judged(frame.start_s, by_threshold(series, limits), series.values)


def anomaly_series(rule: AlertRule, frame: Frame) -> Series:
    """The signal without minutes of too few calls, which could be anything."""
    series = series_of(frame, SIGNALS[rule.signal], rule.calls, rule.window_minutes)
    if rule.signal == "requests":
        return series
    values = np.where(series.weights < max(1, rule.min_requests), np.nan, series.values)
    return msgspec.structs.replace(series, values=values)


def judge_burn(rule: AlertRule, burn: BurnSeries, first_s: int, end_s: int) -> Judged:
    """The burn rate at each minute from ``first_s`` up to, not including, ``end_s``; the value is the fastest."""
    assert rule.slo is not None
    minutes = range(first_s, end_s, 60)
    verdicts = np.full(len(minutes), Verdict.UNKNOWN.value, dtype=np.int8)
    values = np.full(len(minutes), np.nan)
    severities: dict[int, str] = {}
    for place, minute_s in enumerate(minutes):
        states = burn.states(rule.slo, minute_s, rule.min_requests)
        firing = [state for state in states if state.firing]
        known = [state.short_rate for state in states if not np.isnan(state.long_rate)]
        if firing:
            verdicts[place] = Verdict.BREACH.value
            severities[place] = max((_SEVERITY_OF[state.alert.severity] for state in firing), key=RANKS.__getitem__)
            values[place] = max(state.long_rate for state in firing)
        elif known:
            verdicts[place] = Verdict.CLEAR.value
            values[place] = states[0].long_rate
    return Judged(first_s, verdicts, values, severities)


def shown(rule: AlertRule, value: float | None) -> str:
    """A value of the rule's signal, for people."""
    if value is None or np.isnan(value):
        return formats.NOTHING
    if rule.kind == AlertRule.Kind.BURN_RATE:
        return f"{value:.1f}×"
    signal = rule.looks_at
    return formats.FORMATS[signal.unit](value) if signal else f"{value:g}"


def summary(rule: AlertRule, value: float | None, usual: tuple[float, float] | None = None) -> str:
    """What an alert of the rule says, in one sentence; ``usual`` is from where to where it would have been usual."""
    if rule.kind == AlertRule.Kind.ABSENCE:
        return f"No call for {rule.window_minutes} minutes: {_where(rule)}."
    if rule.kind == AlertRule.Kind.BURN_RATE:
        assert rule.slo is not None
        return (
            f"The error budget of “{rule.slo.name}” burns at {shown(rule, value)} the pace that it lasts for: "
            f"{_where(rule)}."
        )
    if rule.kind == AlertRule.Kind.ANOMALY:
        return f"{rule.figure} is {shown(rule, value)}, {_usually(rule, usual)}: {_where(rule)}."
    return (
        f"{rule.figure} is {shown(rule, value)} over {rule.window_minutes} minutes, {rule.operator} "
        f"{shown(rule, rule.threshold)}: {_where(rule)}."
    )


def _usually(rule: AlertRule, usual: tuple[float, float] | None) -> str:
    if usual is None:
        return "which is unusual"
    low, high = (shown(rule, max(0.0, bound)) for bound in usual)
    return f"at this time usually {low} to {high}"


def _where(rule: AlertRule) -> str:
    return str(rule.calls)
