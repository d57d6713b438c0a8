"""How often an action may be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

HOUR_S: Final = 3600
DAY_S: Final = 86_400


class Limits(msgspec.Struct, frozen=True):
    """At most so often, and with so much time in between."""

    per_hour: int
    per_day: int
    cooldown_s: float


def held_back(limits: Limits, now_s: float, taken_s: Sequence[float], undone_s: Sequence[float] = ()) -> str:
    """Why it is not taken now, in words; empty where it may be. Times are those of its earlier ones."""
    if sum(now_s - at < HOUR_S for at in taken_s) >= limits.per_hour:
        return f"It was taken {_times(limits.per_hour)} within the hour, which is the limit."
    if sum(now_s - at < DAY_S for at in taken_s) >= limits.per_day:
        return f"It was taken {_times(limits.per_day)} within a day, which is the limit."
    last_s = max([*taken_s, *undone_s], default=None)
    if last_s is not None and now_s - last_s < limits.cooldown_s:
        return f"It rests for {limits.cooldown_s / 60:.0f} minutes after the last time."
    return ""


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
