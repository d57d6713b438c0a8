"""Whether a share has moved by more than chance makes of so few calls, as soon as there are enough of them.

A share of calls, or a mean of scores between 0 and 1, is held against what is usual in this hour of the day, over the
last 2, 3, 5 ... minutes. How likely the usual share is after what came follows from the likelihood ratio of a binomial
whose dispersion is estimated (quasi-likelihood: McCullagh and Nelder, *Generalized Linear Models*, 2nd ed. 1989,
section 4.5): scores that all lie near 0.9 say more than as many answers that are right or wrong, and errors that come
in bursts say less. So a window needs no fixed number of calls: a night's ten bad scores are told as a minute's hundred.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

Calls = tuple[float, float]
"""Of a minute, or of several: what is counted, and the calls that it is counted of."""

STRETCHES: Final = (2, 3, 5, 8, 12, 20, 30, 60)
"""Minutes that are looked at together."""
LEAST_CALLS: Final = 5
"""Of a stretch."""
_END: Final = 6
"""This part of a stretch has to be as bad by itself: what was bad half an hour ago is over."""
_LATELY: Final = 6
"""Minutes that have to be bad where the last had no calls."""
LEAST_KNOWN: Final = 50
"""Calls of an hour and the two beside it, on the days before, that make it known."""
HOURS: Final = 24
_HOUR: Final = 60
"""Minutes."""
_LATER: Final = 10
"""Minutes until one is learned from: what is about to be told is not usual by half already."""
_A_DAY_LATER: Final = 0.8
"""Share of an hour's weight that is left a day later: half of it after three."""
_LEVEL: Final = 2 ** (-1 / 120)
"""The last hours fade by the minute, to a half in two hours."""
_FADE: Final = 2 ** (-1 / 2880)
"""So does what is known of dispersion, in two days."""
_FADE_BETWEEN: Final = 2 ** (-1 / 72)
"""By the hour, in three days."""
_BETWEEN: Final = 2.0
"""Deviations by which hours may differ from the same hours of other days."""
_MOST_APART: Final = 2.5
"""A single hour counts for no more deviations than this in what hours differ by."""
_PRIOR: Final = 0.3
"""Weight of a dispersion of 1, as is right for right or wrong, until scatter is known."""
_LEAST_DISPERSION: Final = 0.02
_EDGE: Final = 1e-4
"""No share is taken for rarer, or more certain."""


class MovedState(msgspec.Struct):
    """What a :class:`MovedShare` remembers; 3 kB at most."""

    minutes: int = 0
    last: list[Calls] = []
    """Sums and calls of the last minutes, up to an hour."""
    held: int = 0
    """For so many minutes it has been somewhere else."""
    wait: int = 0
    """So many more minutes are of an accident, and not learned."""
    hours: list[Calls] = msgspec.field(default_factory=lambda: [(0.0, 0.0)] * HOURS)
    """By hour of the day, the days before; older ones count for less."""
    hour: Calls = (0.0, 0.0)
    """The hour that is not over yet."""
    level: Calls = (0.0, 0.0)
    scatter: float = 0.0
    chance: float = 0.0
    """By how much minutes differ, and would if calls were right or wrong."""
    between: float = 0.0
    between_chance: float = 0.0
    between_hours: float = 0.0
    """By how much hours differ from those of other days, and would by chance; of so many hours."""

    def copy(self) -> MovedState:
        """One that changes without this one."""
        return msgspec.structs.replace(self, last=list(self.last), hours=list(self.hours))

    @property
    def hour_of_day(self) -> int:
        """Of the last minute, by when the first came."""
        return (self.minutes - 1) // _HOUR % HOURS

    @property
    def dispersion(self) -> float:
        """How far minutes differ, as a share of what they would if calls were right or wrong."""
        return (self.scatter + _PRIOR) / (self.chance + _PRIOR)

    @property
    def between_days(self) -> float:
        """Variance of one hour of the day from day to day, beyond chance."""
        return max(0.0, self.between - self.between_chance) / max(1.0, self.between_hours)


class MovedShare:
    """One share, minute by minute.

    ``limit`` is how little chance may have to do with what has moved, in nats; ``tolerance`` a deviation that nobody
    minds. ``yes_or_no`` says that calls count whole or not at all, so that they cannot scatter by less than chance.
    What has moved is not learned for ``patience`` minutes; what lasts longer becomes usual.
    """

    def __init__(
        self,
        *,
        above: bool,
        below: bool,
        limit: float,
        tolerance: float = 0.0,
        patience: int = 0,
        yes_or_no: bool = False,
        state: MovedState | None = None,
    ) -> None:
        self._above, self._below = above, below
        self._limit = limit
        self._tolerance = tolerance
        self._patience = patience
        self._least = 1.0 if yes_or_no else _LEAST_DISPERSION
        self._state = state.copy() if state else None

    def state(self) -> MovedState | None:
        """What to hand to a new one so that it goes on; None before the first minute."""
        return self._state.copy() if self._state else None

    def skip(self, minutes: int) -> None:
        """Minutes of which nothing is kept any more."""
        if self._state is not None:
            self._state.last.clear()
            self._state.hour = (0.0, 0.0)
            self._state.minutes += minutes

    @property
    def is_accident(self) -> bool:
        """Whether it has moved by now, and nobody has to believe yet that it will stay there."""
        return self._state is not None and 0 < self._state.held <= self._patience

    def update(self, summed: float, calls: float) -> float:
        """The next minute; how little chance has to do with what came, in nats, 0 where all is as usual.

        ``summed`` is what the share is of: how many of the ``calls`` failed, or the sum of their scores.
        """
        state = self._state = self._state or MovedState()
        state.minutes += 1
        state.last.append((summed, calls))
        del state.last[:-_HOUR]
        found = self._evidence(state)
        state.held = state.held + 1 if found >= self._limit else 0
        state.wait = _LATER if self.is_accident else max(0, state.wait - 1) if not state.held else 0
        if len(state.last) > _LATER and not state.wait:
            self._learn(state, *state.last[-1 - _LATER])
        if state.minutes % _HOUR == 0:
            self._end_of_hour(state)
        return found

    def usual(self) -> tuple[float, float]:
        """Between which shares of many calls usually are at this time; nan where nobody knows."""
        state = self._state
        return (math.nan, math.nan) if state is None else self._bounds(state, _around(state))

    def _bounds(self, state: MovedState, around: Calls) -> tuple[float, float]:
        known_sum, known = around
        if state.minutes <= HOURS * _HOUR or known < LEAST_KNOWN or state.level[1] <= 0:
            return math.nan, math.nan
        usual, level = known_sum / known, state.level[0] / state.level[1]
        apart = self._tolerance + _BETWEEN * math.sqrt(state.between_days)
        return max(min(usual, level) - apart, 0.0), min(max(usual, level) + apart, 1.0)

    def _evidence(self, state: MovedState) -> float:
        around = _around(state)
        low, high = self._bounds(state, around)
        if math.isnan(low):
            return 0.0
        known = around[1]
        dispersion = max(self._least, state.dispersion)
        found = _beyond(state.last, high, 1, dispersion, known) if self._above else 0.0
        return max(found, _beyond(state.last, low, -1, dispersion, known)) if self._below else found

    def _learn(self, state: MovedState, summed: float, calls: float) -> None:
        if calls <= 0:
            return
        state.hour = state.hour[0] + summed, state.hour[1] + calls
        if state.level[1] > 0:
            level = state.level[0] / state.level[1]
            away = summed / calls - level
            state.scatter = state.scatter * _FADE + calls * away * away
            state.chance = state.chance * _FADE + level * (1 - level)
        state.level = state.level[0] * _LEVEL + summed, state.level[1] * _LEVEL + calls

    def _end_of_hour(self, state: MovedState) -> None:
        summed, calls = state.hour
        known_sum, known = _around(state)
        if calls >= LEAST_CALLS and known >= LEAST_KNOWN:
            usual = known_sum / known
            chance = max(self._least, state.dispersion) * max(usual * (1 - usual), _EDGE) * (1 / calls + 1 / known)
            square = min((summed / calls - usual) ** 2, _MOST_APART**2 * (chance + state.between_days))
            state.between = state.between * _FADE_BETWEEN + square
            state.between_chance = state.between_chance * _FADE_BETWEEN + chance
            state.between_hours = state.between_hours * _FADE_BETWEEN + 1
        before = state.hours[state.hour_of_day]
        state.hours[state.hour_of_day] = before[0] * _A_DAY_LATER + summed, before[1] * _A_DAY_LATER + calls
        state.hour = (0.0, 0.0)


def _around(state: MovedState) -> Calls:
    """Of this hour of the day and those beside it, on days before."""
    return _summed([state.hours[(state.hour_of_day + by) % HOURS] for by in (-1, 0, 1)])


def _summed(parts: list[Calls]) -> Calls:
    return sum(one for one, _ in parts), sum(calls for _, calls in parts)


def _beyond(last: list[Calls], bound: float, side: int, dispersion: float, known: float) -> float:
    """The most that any stretch says against the bound, of those whose end says so, too."""
    found = summed = calls = 0.0
    first = len(last)
    if not _are_beyond(last[-1:] if last[-1][1] else last[-_LATELY:], bound, side):
        return found
    for minutes in STRETCHES:
        if minutes > len(last):
            break
        for more, of in last[len(last) - minutes : first]:
            summed += more
            calls += of
        first = len(last) - minutes
        if calls < LEAST_CALLS or (summed / calls - bound) * side <= 0:
            continue
        if _are_beyond(last[-max(2, minutes // _END) :], bound, side):
            found = max(found, calls * _divergence(summed / calls, bound) / dispersion / (1 + calls / known))
    return found


def _are_beyond(end: list[Calls], bound: float, side: int) -> bool:
    summed, calls = _summed(end)
    return calls > 0 and (summed / calls - bound) * side > 0


def _divergence(share: float, bound: float) -> float:
    """Kullback and Leibler's, of yes-or-no with these shares, in nats."""
    share = min(max(share, 0.0), 1.0)
    bound = min(max(bound, _EDGE), 1 - _EDGE)
    found = 0.0
    if share > 0:
        found += share * math.log(share / bound)
    if share < 1:
        found += (1 - share) * math.log((1 - share) / (1 - bound))
    return found
