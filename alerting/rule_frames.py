"""The minutes that one rule looks at, and nothing else."""

from __future__ import annotations

from alerting.engine.frames import Frame
from alerting.engine.signals import SIGNALS
from alerting.prompt_readings import add_prompts
from alerting.readings import read_frame
from alerting.rules import AlertRule
from events.traffic.measures import Kind


def frame_for(rule: AlertRule, start_s: int, end_s: int) -> Frame:
    """Read in one statement; minutes are kept for three days."""
    signal = rule.looks_at or SIGNALS["requests"]
    kinds = [rule.calls.of[0], *([Kind.REFUSAL, Kind.GUARD] if rule.calls.kind == "all" else [])]
    if rule.evaluator:
        kinds = [Kind.SCORE]
    if signal.of_prompts:
        kinds = []
    histograms = signal.parts is None and not signal.of_prompts
    return add_prompts(read_frame(rule.scope, start_s, end_s, kinds=kinds, latencies=histograms), [rule])
