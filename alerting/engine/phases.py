"""The life of an alert, minute by minute: ok → pending → firing → resolved, without flapping."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from alerting.engine.verdicts import Verdict

MINUTE_S: Final = 60
PENDING_LAPSES_MINUTES: Final = 10
"""A suspicion that no data confirm for so long is dropped."""


class Phase(StrEnum):
    """Where a rule stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"


class Timing(msgspec.Struct, frozen=True):
    """How long something has to last."""

    for_minutes: int = 1
    """Bad for so many minutes before it fires."""
    clear_minutes: int = 5
    """Well for so many before it is over."""
    lapse_minutes: int | None = 30
    """Without data for so many it is over as well; None: never."""


class Position(msgspec.Struct, frozen=True):
    """Where a rule stands after a minute; times are Unix seconds, 0 for none."""

    phase: Phase = Phase.OK
    since_s: int = 0
    """The first bad minute."""
    fired_s: int = 0
    """The minute with which it began to fire."""
    clear_since_s: int = 0
    """The first minute of those that are well since."""
    seen_s: int = 0
    """The last minute with data."""


def advance(position: Position, minute_s: int, verdict: Verdict, timing: Timing) -> Position:
    """After one more minute."""
    seen_s = position.seen_s if verdict is Verdict.UNKNOWN else minute_s
    if position.phase is Phase.FIRING:
        return _while_firing(position, minute_s, verdict, timing, seen_s)
    if verdict is Verdict.BREACH:
        since_s = position.since_s if position.phase is Phase.PENDING else minute_s
        lasted = (minute_s - since_s) // MINUTE_S + 1
        if lasted >= timing.for_minutes:
            return Position(Phase.FIRING, since_s, minute_s, 0, seen_s)
        return Position(Phase.PENDING, since_s, 0, 0, seen_s)
    waits = verdict is Verdict.UNKNOWN and position.phase is Phase.PENDING
    if waits and minute_s - seen_s < PENDING_LAPSES_MINUTES * MINUTE_S:
        return position
    return Position(seen_s=seen_s)


def _while_firing(position: Position, minute_s: int, verdict: Verdict, timing: Timing, seen_s: int) -> Position:
    if verdict is Verdict.UNKNOWN:
        silent = minute_s - seen_s
        over = timing.lapse_minutes is not None and silent >= timing.lapse_minutes * MINUTE_S
        return Position(seen_s=seen_s) if over else position
    if verdict is not Verdict.CLEAR:
        return Position(Phase.FIRING, position.since_s, position.fired_s, 0, seen_s)
    clear_since_s = position.clear_since_s or minute_s
    if (minute_s - clear_since_s) // MINUTE_S + 1 >= timing.clear_minutes:
        return Position(seen_s=seen_s)
    return Position(Phase.FIRING, position.since_s, position.fired_s, clear_since_s, seen_s)
