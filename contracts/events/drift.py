"""``evaluation.drift.*``: calls that are unlike those of their reference."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class DriftDetected(EventPayload, frozen=True, kw_only=True):
    """A monitor found calls to be unlike those of its reference, in as many looks in a row as it asks for."""

    event_type = "evaluation.drift.detected"
    layer = 3
    monitor_id: str
    name: str
    check_id: str
    """The look that settled it."""
    summary: str
    signals: list[str]
    segments: list[str]
    """Empty: all calls together alone."""
    findings: int
    """Signals of segments that drifted."""
    effect: float | None = None
    """The largest, 0 to 1."""


class DriftCleared(EventPayload, frozen=True, kw_only=True):
    """Calls are as they were, or nobody looks any more."""

    event_type = "evaluation.drift.cleared"
    layer = 3
    monitor_id: str
    name: str
    reason: str
    duration_s: int
    """Since drift was detected."""
