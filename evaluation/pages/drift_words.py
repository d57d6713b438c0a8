"""How monitors and their findings are called and coloured."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from evaluation.drift.rows import DriftFinding, DriftMonitor, DriftState
from evaluation.engine.drift_signals import DRIFT_SIGNALS

Phase = DriftState.Phase
PHASES: Final = {
    Phase.UNKNOWN.value: ("Looks soon", "neutral", "clock"),
    Phase.STEADY.value: ("As it was", "good", "circle-check"),
    Phase.SUSPECTED.value: ("Suspected", "warn", "eye"),
    Phase.DRIFTED.value: ("Drifted", "bad", "trending-up"),
    Phase.CANNOT_TELL.value: ("Cannot tell", "warn", "help"),
}
OFF: Final = ("Off", "neutral", "player-pause")
OUTCOMES: Final = {
    "steady": ("As it was", "good"),
    "drifted": ("Drift found", "bad"),
    "cannot_tell": ("Cannot tell", "warn"),
}
_LENGTHS: Final = ((7 * 24 * 60, "week"), (24 * 60, "day"), (60, "hour"), (1, "minute"))


def phase_in_words(monitor: DriftMonitor, state: DriftState | None) -> tuple[str, str, str]:
    """Label, tone and icon."""
    if not monitor.enabled:
        return OFF
    return PHASES[state.phase if state is not None else Phase.UNKNOWN.value]


def length_in_words(minutes: int) -> str:
    """After “the last”, or “every”: ``hour``, ``6 hours``, ``day``."""
    unit, name = next((unit, name) for unit, name in _LENGTHS if minutes % unit == 0)
    count = minutes // unit
    return name if count == 1 else f"{count} {name}s"


def reference_in_words(monitor: DriftMonitor) -> str:
    """What a window is compared with."""
    many = monitor.periods > 1
    if monitor.reference == DriftMonitor.Reference.DAILY:
        return f"the same hours of the last {monitor.periods} days" if many else "the same hours of the day before"
    if monitor.reference == DriftMonitor.Reference.WEEKLY:
        return f"the same hours of the last {monitor.periods} weeks" if many else "the same hours of the week before"
    if monitor.reference == DriftMonitor.Reference.PREVIOUS:
        return f"the {monitor.periods} windows before it" if many else "the window before it"
    if monitor.reference_start is None or monitor.reference_end is None:
        return "a period that is not named yet"
    start, end = (timezone.localtime(each) for each in (monitor.reference_start, monitor.reference_end))
    return f"{start:%-d %b %Y %H:%M} to {end:%-d %b %Y %H:%M}"


def looks_at_in_words(monitor: DriftMonitor) -> str:
    """How many figures, of which calls."""
    count = len(monitor.signals)
    figures = DRIFT_SIGNALS[monitor.signals[0]].title if count == 1 else f"{count} figures"
    only = [name for name in (monitor.route, monitor.model) if name]
    by = "" if not monitor.segment_by else f", by {(monitor.segment_tag or monitor.get_segment_by_display()).lower()}"
    return f"{figures} of {' and '.join(only) if only else 'all calls'}{by}"


def finding_tone(finding: DriftFinding, confirm: int) -> tuple[str, str]:
    """Tone and word of a cell."""
    if not finding.test:
        return "neutral", "Too few"
    if not finding.drifted:
        return "good", "As it was"
    return ("bad", "Drifted") if finding.lasting >= confirm else ("warn", "Suspected")
