"""By how much each signal may be off before anybody minds, however quiet it was: so that trifles are no news."""

from __future__ import annotations

from typing import Final

from alerting.engine.signals import Signal

ABSOLUTE_UNITS: Final = ("percent", "score")
"""Signals of these units have tolerances in points; of the others they are shares of what is usual."""

_OWN: Final = {
    "error_rate": 0.02,
    "refusal_rate": 0.03,
    "blocked_rate": 0.02,
    "fallback_rate": 0.05,
    "cache_hit_rate": 0.1,
    "guardrail_rate": 0.03,
    "retry_rate": 0.05,
    "score": 0.05,
    "prompt_shift": 0.1,
    "retrieval_empty": 0.05,
    "retrieval_similarity": 0.05,
    "retrieval_degraded": 0.05,
    "answer_risk": 0.05,
    "unsupported_answers": 0.1,
    "requests": 0.3,
}
_ABSOLUTE: Final = ("guardrail_rate", "retry_rate", "score")
"""Numbers a call, mostly near 0: a share of next to nothing is nothing."""
_ELSE: Final = {"percent": 0.02, "score": 0.05}
_RELATIVE: Final = 0.2


def default_tolerance(signal: Signal) -> float:
    """Of a rule that says none."""
    return _OWN.get(signal.name, _ELSE.get(signal.unit, _RELATIVE))


def is_absolute(signal: Signal) -> bool:
    """Whether a tolerance is in the signal's own unit; else it is a share of what is usual."""
    return signal.unit in ABSOLUTE_UNITS or signal.name in _ABSOLUTE
