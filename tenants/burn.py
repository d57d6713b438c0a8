"""How budgets burn down: the ideal line, the forecast for the window's end, and when the money runs out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from console.formats import counted
from contracts.budgets import Period
from events.ledger.rhythm import Rhythm

TOO_EARLY = 0.02
"""Share of the window (weighed by the rhythm) before which nothing is foretold."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Course:
    """A window of time in which a tenant spends with a daily rhythm."""

    period: Period
    time_zone: str
    rhythm: Rhythm

    def weight(self, start_ms: int, end_ms: int) -> float:
        """How much of an average day's spending falls between the instants, in hours of an even day."""
        return self._clock(end_ms) - self._clock(start_ms)

    def elapsed(self, now_ms: int) -> float:
        """The share of the window's spending that is to be expected by then."""
        whole = self.weight(self.period.start_ms, self.period.end_ms)
        now_ms = min(max(now_ms, self.period.start_ms), self.period.end_ms)
        return self.weight(self.period.start_ms, now_ms) / whole if whole > 0 else 1.0

    def forecast(self, spent: int, now_ms: int) -> int | None:
        """Nano-USD at the end of the window if spending goes on as it did; None where it is too early to say."""
        share = self.elapsed(now_ms)
        return round(spent / share) if share >= TOO_EARLY else None

    def exhausted_ms(self, spent: int, limit: int, now_ms: int) -> int | None:
        """When the limit is reached at this pace; None: not within the window, or it is too early to say."""
        end = self.forecast(spent, now_ms)
        if end is None or end <= limit or spent >= limit:
            return None
        share = limit / end
        low, high = now_ms, self.period.end_ms
        while high - low > 60_000:
            middle = (low + high) // 2
            low, high = (middle, high) if self.elapsed(middle) < share else (low, middle)
        return high

    def _clock(self, instant_ms: int) -> float:
        """Weighed hours since some midnight long ago, by the wall clock: every whole day weighs 24."""
        local = datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(ZoneInfo(self.time_zone))
        into_hour = (local.minute * 60 + local.second) / 3_600
        before = sum(self.rhythm[: local.hour])
        return local.toordinal() * 24 + before + into_hour * self.rhythm[local.hour]


@dataclass(frozen=True, slots=True)
class BurnDown:
    """What is left of a limit over the window: None where it is not known or not foretold. Nano-USD."""

    times: list[datetime]
    left: list[int | None]
    ideal: list[int | None]
    foretold: list[int | None]


def burn_down(course: Course, limit: int, spent_by: Sequence[tuple[int, int]], spent: int, now_ms: int) -> BurnDown:
    """The lines of the chart.

    ``spent_by`` are ends of stretches (Unix ms) with what was spent in each; ``spent`` is the sum up to now.
    """
    sums = list(accumulate(cost for _, cost in spent_by))
    known = {course.period.start_ms: limit}
    known |= {at: limit - total for (at, _), total in zip(spent_by, sums, strict=True) if at <= now_ms}
    known[now_ms] = limit - spent
    step = max(HOUR_MS // 4, (course.period.end_ms - course.period.start_ms) // 60)
    ahead = [*range(now_ms + step, course.period.end_ms, step), course.period.end_ms]
    end = course.forecast(spent, now_ms)
    instants = sorted({*known, *ahead})
    pace = end if end is not None else None
    return BurnDown(
        times=[datetime.fromtimestamp(at / 1000, UTC) for at in instants],
        left=[known.get(at) for at in instants],
        ideal=[round(limit * (1 - course.elapsed(at))) for at in instants],
        foretold=[None if pace is None or at < now_ms else round(limit - pace * course.elapsed(at)) for at in instants],
    )


def length_words(length: timedelta) -> str:
    """``3 days``, ``5 hours``, ``12 minutes``."""
    seconds = int(length.total_seconds())
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(seconds // size, name)
    return "less than a minute"
