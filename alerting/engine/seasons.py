"""What a series did at this time of earlier days: the range of its values, in constant memory."""

from __future__ import annotations

import math
from array import array
from typing import Final

import msgspec

DAY_S: Final = 86_400
DAYS: Final = 7
"""A week, so that each weekday is among them."""
PARTS: Final = 48
"""Parts of a day whose extremes are kept."""
AROUND: Final = 6
"""Parts before and after the present one that count: what happens daily does not happen on the minute."""


class SeasonState(msgspec.Struct):
    """What a :class:`Season` remembers: steps so far, and extremes by part of the day as 64-bit floats."""

    steps: int
    lowest: bytes
    highest: bytes


class Season:
    """The lowest and highest value around this time of the day, of a week's days; the last hours do not count."""

    __slots__ = ("_highest", "_lowest", "_part", "_parts", "_range", "per_day", "steps")

    def __init__(self, step_s: int, state: SeasonState | None = None) -> None:
        self.per_day = max(1, round(DAY_S / step_s))
        self._parts = min(PARTS, self.per_day)
        slots = (DAYS + 1) * self._parts
        self.steps = state.steps if state else 0
        self._lowest = _restored(state.lowest, slots) if state else array("d", [math.inf] * slots)
        self._highest = _restored(state.highest, slots) if state else array("d", [-math.inf] * slots)
        self._part = (self.steps - 1) * self._parts // self.per_day if self.steps else -1
        self._range = self._around() if self.steps else (math.nan, math.nan)

    def state(self) -> SeasonState:
        """What to hand to a new one so that it goes on."""
        return SeasonState(self.steps, self._lowest.tobytes(), self._highest.tobytes())

    def step(self) -> tuple[float, float]:
        """Go on by one step; the range that earlier days had around it, nan until there is one."""
        part = self.steps * self._parts // self.per_day
        slot = part % len(self._lowest)
        if part != self._part:
            self._part = part
            self._lowest[slot], self._highest[slot] = math.inf, -math.inf
            self._range = self._around()
        self.steps += 1
        return self._range

    def learn(self, value: float) -> None:
        """Remember the value of the present step."""
        slot = self._part % len(self._lowest)
        if value < self._lowest[slot]:
            self._lowest[slot] = value
        if value > self._highest[slot]:
            self._highest[slot] = value

    def skip(self, steps: int) -> None:
        """Go on by steps without data; the time of the day is kept over any gap."""
        days = max(0, steps // self.per_day - DAYS - 1)
        self.steps += days * self.per_day
        for _ in range(steps - days * self.per_day):
            self.step()

    def _around(self) -> tuple[float, float]:
        if self._part < self._parts:
            return math.nan, math.nan
        slots = len(self._lowest)
        oldest = max(0, self._part - slots + 1)
        around = min(AROUND, self._parts // 2)
        low, high = math.inf, -math.inf
        for day in range(1, DAYS + 1):
            middle = self._part - day * self._parts
            start, end = max(oldest, middle - around), middle + around + 1
            if start >= end:
                break
            # The ring may end between the two.
            turn = min(end, start - start % slots + slots)
            for first, length in ((start % slots, turn - start), (0, end - turn)):
                if length > 0:
                    low = min(low, min(self._lowest[first : first + length]))
                    high = max(high, max(self._highest[first : first + length]))
        return (low, high) if low <= high else (math.nan, math.nan)


def _restored(kept: bytes, slots: int) -> array[float]:
    values = array("d")
    values.frombytes(kept)
    if len(values) != slots:
        raise ValueError("The state is of a series with another step.")
    return values
