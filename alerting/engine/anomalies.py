"""Anomalies in a series as it comes: outside of what this time of the day knew, by how rarely it ever was so far out.

Three views of one series are asked: the value against its season (a day that stays away), the value against the last
hours (a jump), and the mean of the last hour against the last hours (a level). Each measures how far it is outside in
units of the series' own noise, and :mod:`alerting.engine.rarity` says how surprising that is after all that the series
has shown. What goes on is no news: a series that stays where it jumped to is surprising once.

Nothing is fitted to a kind of series: the figures below were chosen where results hardly depend on them
(docs/DETECTION.md). Memory does not grow: 17 kB a series, whatever its step.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from alerting.engine.rarity import Rarity, RarityState
from alerting.engine.seasons import Season, SeasonState

HALF_SCORE: Final = 2.75
"""Decades of rarity at which the score is a half: where a rule should start."""
ACCIDENT: Final = 0.75
"""What lasts at this score or above may be an accident, see ``patience_s``."""
WARM_STEPS: Final = 100
"""Steps with data until a score is given."""

_HOUR_S: Final = 3600
_TRACK_S: Final = 4 * _HOUR_S
_TRACK_STEPS: Final = 50
"""What the last hours are: the level and noise follow in about this time, but not in fewer steps."""
_FADE_S: Final = 48 * _HOUR_S
_FADE_STEPS: Final = 500
"""Half of what was seen is forgotten after this time, but not after fewer steps."""
_QUIET_S: Final = 3 * _HOUR_S
_QUIET_STEPS: Final = 6
"""An episode is over after so long below half of its peak; then its peak fades by 1 % a step of five minutes."""
_NEWS: Final = 0.5
"""Decades by which something must be rarer than an episode's peak to be news within it."""
_STALE: Final = 0.01
"""Share of its surprise that what goes on keeps."""
_QUIETEST: Final = 0.01
"""Noise is at least this share of the series' usual distance from its mean: a series without noise has some, too."""
_CLIP: Final = 3.0
_FIRST: Final = 12
_STEP_FADES_S: Final = 300


class AnomalyScore(msgspec.Struct, frozen=True):
    """What one step was like, and what would have been usual."""

    score: float
    """0 to 1, how surprising this is as news; a half is where the benchmark in docs/DETECTION.md does best."""
    lasting: float
    """The same for what goes on: stays high while an episode does. Resolve alerts by this one."""
    expected: float
    low: float
    high: float


class TrackState(msgspec.Struct):
    """Level and noise of the last hours, mean and spread of the last days."""

    steps: int = 0
    level: float = 0.0
    noise: float = 0.0
    mean: float = 0.0
    spread: float = 0.0


class AnomalyState(msgspec.Struct):
    """All that a :class:`SeasonalAnomalies` remembers, to be kept between runs (``msgspec.json`` or ``msgpack``)."""

    step_s: int
    values: TrackState
    means: TrackState
    value_season: SeasonState
    mean_season: SeasonState
    rarities: list[RarityState]
    hour: list[float]
    peak: float = 0.0
    quiet: int = 0
    held: int = 0


class _Track:
    """How far a value is from the last hours and from its season, in units of noise."""

    __slots__ = ("_days", "_rate", "_relative", "_state", "_tolerance")

    def __init__(self, step_s: int, tolerance: float, relative: float, state: TrackState) -> None:
        self._rate = 1 / max(_TRACK_STEPS, _TRACK_S / step_s)
        self._days = 1 / (2 * max(1.0, 24 * _HOUR_S / step_s))
        self._tolerance = tolerance
        self._relative = relative
        self._state = state

    def scale(self) -> float:
        """One unit of noise."""
        state = self._state
        return max(state.noise, _QUIETEST * state.spread, 1e-9 * abs(state.level), 1e-12)

    def distances(self, value: float, low: float, high: float) -> tuple[float, float]:
        """Outside of the season (0 where there is none yet), and of both season and last hours."""
        state, scale = self._state, self.scale()
        # By the mean of days: by that of hours, an incident that is learned would widen what is tolerated.
        tolerance = max(self._tolerance, self._relative * abs(state.mean))
        away = abs(value - state.level)
        beyond = max(0.0, away - tolerance)
        if low <= high:
            outside = max(0.0, low - value - tolerance, value - high - tolerance)
            found = outside / scale, min(beyond, outside) / scale
        else:
            found = 0.0, beyond / scale if state.steps > _FIRST else 0.0
        return found

    def learn(self, value: float) -> None:
        """Follow the series."""
        state = self._state
        away = abs(value - state.level)
        if not state.steps:
            state.level = state.mean = value
            away = 0.0
        state.steps += 1
        rate = max(self._rate, 1 / (state.steps + 1))
        if state.steps <= _FIRST:
            state.level += rate * (value - state.level)
            state.noise += (away - state.noise) / state.steps
        else:
            # Clipped steps follow the median's way: a spike moves neither level nor noise by much.
            most = _CLIP * state.noise
            step = max(-most, min(most, value - state.level)) if most > 0 else value - state.level
            state.level += rate * step
            state.noise += rate * (min(away, most + 1e-12 + 1e-3 * state.spread) - state.noise)
        slow = max(self._days, 1 / (state.steps + 1))
        distance = abs(value - state.mean)
        state.mean += slow * (value - state.mean)
        state.spread += slow * (distance - state.spread)


class SeasonalAnomalies:
    """The detector of one series; feed it each step in order, in 20 to 40 µs.

    ``tolerance``, in the series' unit, is a deviation that nobody minds, however quiet the series was; ``relative``
    is the same as a share of the series' mean, and the larger of the two holds. ``patience_s``
    is how long what surprises by :data:`ACCIDENT` is held for an accident and not learned: an incident then leaves no
    week in which another would be usual. What lasts longer becomes usual.
    """

    __slots__ = (
        "_fading",
        "_held",
        "_hour",
        "_hour_at",
        "_hour_sum",
        "_mean_season",
        "_means",
        "_patience",
        "_peak",
        "_quiet",
        "_quiet_after",
        "_rarities",
        "_season",
        "_states",
        "_step_s",
        "_values",
    )

    def __init__(
        self,
        step_s: int = 60,
        *,
        tolerance: float = 0.0,
        relative: float = 0.0,
        patience_s: int = 0,
        state: AnomalyState | None = None,
    ) -> None:
        """Start, or go on where a state was taken.

        Raises:
            ValueError: the state is of a series with another step.
        """
        if state is not None and state.step_s != step_s:
            raise ValueError("The state is of a series with another step.")
        self._step_s = step_s
        self._states = (state.values, state.means) if state else (TrackState(), TrackState())
        self._values, self._means = (_Track(step_s, tolerance, relative, each) for each in self._states)
        self._season = Season(step_s, state.value_season if state else None)
        self._mean_season = Season(step_s, state.mean_season if state else None)
        fade = max(_FADE_STEPS, _FADE_S / step_s)
        kept = state.rarities if state else [None, None, None]
        self._rarities = tuple(Rarity(fade, each) for each in kept)
        self._hour = list(state.hour) if state else []
        self._hour_at = 0
        self._hour_sum = math.fsum(self._hour)
        self._peak = state.peak if state else 0.0
        self._quiet = state.quiet if state else 0
        self._patience = patience_s // step_s
        self._held = state.held if state else 0
        self._quiet_after = max(_QUIET_STEPS, _QUIET_S / step_s)
        self._fading = 0.99 ** (step_s / _STEP_FADES_S)

    @property
    def seen_s(self) -> int:
        """How long the series has been watched, gaps included: seasons are known after a day, weekdays after a week."""
        return self._season.steps * self._step_s

    def state(self) -> AnomalyState:
        """All that it remembers; a detector made from it gives the same scores."""
        return AnomalyState(
            step_s=self._step_s,
            values=msgspec.structs.replace(self._states[0]),
            means=msgspec.structs.replace(self._states[1]),
            value_season=self._season.state(),
            mean_season=self._mean_season.state(),
            rarities=[rarity.state() for rarity in self._rarities],
            hour=self._hour[self._hour_at :] + self._hour[: self._hour_at],
            peak=self._peak,
            quiet=self._quiet,
            held=self._held,
        )

    def skip(self, steps: int) -> None:
        """Steps that never came, as after an outage of whoever counts."""
        self._season.skip(steps)
        self._mean_season.skip(steps)

    def update(self, value: float, *, accident: bool = False) -> AnomalyScore:
        """The next step; nan where there is no data, which surprises nobody here.

        ``accident``: somebody knows that it is one, however surprising it is here.
        """
        low, high = self._season.step()
        mean_low, mean_high = self._mean_season.step()
        if math.isnan(value):
            return self._usual(low, high, 0.0, 0.0)
        mean = self._mean_of_the_hour(value)
        from_season, from_hours = self._values.distances(value, low, high)
        _, mean_from_hours = self._means.distances(mean, mean_low, mean_high)
        distances = from_season, from_hours, mean_from_hours
        surprise = math.hypot(*(rarity.surprise(away) for rarity, away in zip(self._rarities, distances, strict=True)))
        if self._states[0].steps < WARM_STEPS:
            surprise = 0.0
        found = self._usual(low, high, self._news(surprise), surprise)
        if not self._is_accident(found.lasting, accident):
            self._learn(value, mean, distances)
        return found

    def _is_accident(self, lasting: float, known: bool) -> bool:
        """Whether to believe for now that this will not last."""
        if lasting < ACCIDENT and not known:
            self._held = 0
            return False
        self._held += 1
        return self._held <= self._patience

    def _learn(self, value: float, mean: float, distances: tuple[float, float, float]) -> None:
        self._season.learn(value)
        self._mean_season.learn(mean)
        self._values.learn(value)
        self._means.learn(mean)
        for rarity, away in zip(self._rarities, distances, strict=True):
            rarity.learn(away)

    def _mean_of_the_hour(self, value: float) -> float:
        size = max(2, _HOUR_S // self._step_s)
        if len(self._hour) < size:
            self._hour.append(value)
            self._hour_sum += value
            return self._hour_sum / len(self._hour)
        self._hour_sum += value - self._hour[self._hour_at]
        self._hour[self._hour_at] = value
        self._hour_at = (self._hour_at + 1) % size
        if not self._hour_at:
            # Afresh once an hour, so that rounding does not add up.
            self._hour_sum = math.fsum(self._hour)
        return self._hour_sum / len(self._hour)

    def _news(self, surprise: float) -> float:
        peak = self._peak
        is_news = surprise > peak + _NEWS or (peak <= _NEWS and surprise > peak)
        self._peak = max(peak, surprise)
        if surprise >= self._peak / 2 and surprise > _NEWS:
            self._quiet = 0
        else:
            self._quiet += 1
            if self._quiet > self._quiet_after:
                self._peak *= self._fading
        return surprise if is_news else surprise * _STALE

    def _usual(self, low: float, high: float, news: float, surprise: float) -> AnomalyScore:
        level, margin = self._states[0].level, _CLIP * self._values.scale()
        if not self._states[0].steps:
            level = low = high = math.nan
        elif not low <= high:
            low = high = level
        return AnomalyScore(
            score=_score(news),
            lasting=_score(surprise),
            expected=min(max(level, low), high),
            low=low - margin,
            high=high + margin,
        )


def _score(surprise: float) -> float:
    """Decades of rarity as 0 to 1."""
    return 1 - 2 ** (-surprise / HALF_SCORE)
