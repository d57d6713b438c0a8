"""The rules that Breakwater recommends, over frames of replayed minutes: judged by the code of the check."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alerting.budget_course import BurnSeries
from alerting.engine.frames import Frame
from alerting.engine.phases import MINUTE_S, Phase, Position, advance
from alerting.engine.verdicts import Verdict
from alerting.judging import Judged, judge_burn, judge_frame, timing_of
from alerting.memories import Memory, judge_anomaly
from alerting.objectives import SLO
from alerting.recommended import Recommendation, Scored, recommended
from alerting.rules import AlertRule
from bench.regressions.prompts import SIGNAL, PromptSums
from bench.regressions.traffic import DAY, Traffic
from events.traffic.measures import MEASURES, Kind, Measured
from events.traffic.scores import UNIT, ScorePart

EVALUATOR = "Quality"
OVERLAP = 2 * 60
"""Minutes of the day before that a day's frame has as well, for windows that begin there."""


def rules_for(replayed: Traffic, prompts: PromptSums | None) -> list[AlertRule]:
    """What an owner with so many calls a minute is recommended."""
    scored = [Scored(EVALUATOR, float(np.mean(replayed.scored)))]
    asked = 0.0 if prompts is None else float(np.mean(prompts.counts))
    return [_rule(one) for one in recommended(float(np.mean(replayed.calls)), scored, asked)]


def _rule(one: Recommendation) -> AlertRule:
    if not one.is_objective:
        return AlertRule(name=one.name, **one.fields)
    slo = SLO(name=one.name, **one.fields)
    return AlertRule(name=one.name, kind=AlertRule.Kind.BURN_RATE, slo=slo, severity="critical", min_requests=50)


def fired(rule: AlertRule, replayed: Traffic, prompts: PromptSums | None) -> list[int]:
    """Minutes with which the rule began to fire."""
    position, timing, found = Position(), timing_of(rule), []
    for judged in _looked_at(rule, replayed, prompts):
        for place, verdict in enumerate(judged.verdicts):
            before = position
            position = advance(position, judged.start_s + place * MINUTE_S, Verdict(int(verdict)), timing)
            if position.phase is Phase.FIRING and before.phase is not Phase.FIRING:
                found.append(position.fired_s // MINUTE_S)
    return found


def _looked_at(rule: AlertRule, replayed: Traffic, prompts: PromptSums | None) -> Iterator[Judged]:
    if rule.slo is not None:
        return _burnt(rule, replayed)
    if rule.signal == SIGNAL.name:
        assert prompts is not None
        return _moved(rule, prompts)
    return _watched(rule, replayed)


def _moved(rule: AlertRule, prompts: PromptSums) -> Iterator[Judged]:
    """Day by day, each with the minutes before that its first windows reach into."""
    for day in range(len(prompts.counts) // DAY):
        first, end = max(0, day * DAY - OVERLAP), (day + 1) * DAY
        frame = Frame(first * MINUTE_S, end * MINUTE_S)
        frame.prompts[""] = prompts.between(first, end)
        judged = judge_frame(rule, frame)
        place = day * DAY - first
        yield Judged(day * DAY * MINUTE_S, judged.verdicts[place:], judged.values[place:])


def _burnt(rule: AlertRule, replayed: Traffic) -> Iterator[Judged]:
    burn = BurnSeries(0, replayed.calls - replayed.errors, replayed.calls)
    yield judge_burn(rule, burn, 0, len(replayed.calls) * MINUTE_S)


def _watched(rule: AlertRule, replayed: Traffic) -> Iterator[Judged]:
    """Day by day, each from the memory of the one before."""
    memory = Memory(0)
    for day in range(len(replayed.calls) // DAY):
        end_s = (day + 1) * DAY * MINUTE_S
        judged, memory = judge_anomaly(
            rule, frame_of(replayed, max(0, day * DAY - OVERLAP), (day + 1) * DAY), memory, end_s
        )
        yield judged


def frame_of(replayed: Traffic, first: int, end: int) -> Frame:
    """As it is read from the tables."""
    frame = ReplayedFrame(first * MINUTE_S, end * MINUTE_S)
    minutes = slice(first, end)
    frame.put(
        Kind.ALL,
        requests=replayed.calls[minutes],
        errors=replayed.errors[minutes],
        cost_nanousd=replayed.cost_nanousd[minutes],
        duration_us=replayed.duration_us[minutes],
    )
    frame.put(Kind.REFUSAL, "RATE_LIMITED", requests=replayed.refusals[minutes])
    frame.put(Kind.GUARD, "guardrail.rule.matched", requests=replayed.guarded[minutes])
    scores = replayed.scores[minutes] * UNIT
    frame.put(
        Kind.SCORE, str(ScorePart(EVALUATOR, "all", "", 0)), requests=replayed.scored[minutes], cost_nanousd=scores
    )
    frame.histogram(Measured.DURATION)[:] = replayed.latencies[minutes]
    return frame


class ReplayedFrame(Frame):
    """A frame that is filled by whole columns."""

    def put(self, kind: Kind, part: str = "", **columns: np.ndarray) -> None:
        """The sums of a part; measures that are not given are 0."""
        zeros = np.zeros(self.minutes)
        self._sums[kind.value, part] = np.column_stack([columns.get(name, zeros) for name in MEASURES])
