"""How far prompts are from what they were, minute by minute, from nothing but sums of their unit vectors.

A prompt is a point on a sphere; of each minute only the sum of its prompts' vectors and their number are known. The
distance of a few minutes' mean to that of earlier days is held against what chance makes of so few prompts: how much
prompts vary follows from the length of their mean, in how many directions from how minutes vary together, and how
much prompts of one minute are alike from how much minutes vary at all. Beyond that, days differ from one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from alerting.engine.series import Floats, rolled

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400
LEAST_VARYING: Final = 3.0
"""Each direction is taken for at least so variable, in shares of what all are in the mean."""
STRETCHES: Final = (2, 3, 5, 8, 12, 20, 30, 60, 120)
"""Minutes that are looked at together, up to the rule's window: a large shift is seen within few of them."""
LEAST_PROMPTS: Final = 5
"""Of a stretch."""
LEAST_KNOWN: Final = 200
"""Prompts, and :data:`LEAST_MINUTES` minutes with some, that a reference takes: fewer say too little of what varies."""
LEAST_MINUTES: Final = 30
BEYOND_CHANCE: Final = 6.0
"""Deviations of a normal distribution, as rare as what counts: once in a thousand million looks."""

_MANY_DAYS: Final = 5


class MinuteOfPrompts(msgspec.Struct, frozen=True):
    """What is known of one minute's prompts."""

    start_s: int
    prompts: int
    total: Floats
    """The sum of their unit vectors."""


class Usual(msgspec.Struct, frozen=True):
    """What prompts of this time are like."""

    prompts: float
    mean: Floats
    spread: float
    """Mean square of a prompt's distance from the mean."""
    evened: Floats
    """A matrix: by it differences are turned so that they are small where prompts vary much."""
    by_chance: float
    """Mean square of what one prompt adds to an evened difference."""
    limit: float
    """The rarest that chance may make, as a multiple of its mean."""
    between_days: float
    """Square of the evened distance by which earlier days differ from one another."""
    along: float
    """Variance of one prompt along a direction of the evened differences."""


def usual_of(minutes: Sequence[MinuteOfPrompts]) -> Usual | None:
    """What these minutes of earlier days were like; None where there are too few prompts to tell.

    From every other minute comes in which directions prompts vary, from those between what chance then makes: a
    direction that the first knew by chance alone would else seem quieter than it is.
    """
    found = [one for one in minutes if one.prompts > 0]
    counts = np.array([one.prompts for one in found], dtype=float)
    if counts.sum() < LEAST_KNOWN or len(found) < LEAST_MINUTES:
        return None
    totals = np.stack([one.total for one in found]).astype(float)
    mean = totals.sum(axis=0) / counts.sum()
    spread = max(1e-9, 1.0 - float(mean @ mean))
    away = totals - counts[:, None] * mean
    evened = _evened(away[::2], counts[::2], spread)
    turned, n = away[1::2] @ evened, counts[1::2]
    squares = np.square(turned).sum(axis=1)
    by_chance = max(1e-12, float(squares.sum() / n.sum()))
    together = np.square(turned.T @ turned).sum() - np.square(squares).sum()
    evenness = max(float(together / (n.sum() ** 2 - np.square(n).sum())), by_chance**2 / mean.size)
    days = np.array([one.start_s // DAY_S for one in found])
    return Usual(
        prompts=float(counts.sum()),
        mean=mean,
        spread=spread,
        evened=evened,
        by_chance=by_chance,
        limit=_limit(by_chance**2 / evenness),
        between_days=_between(days, away @ evened, counts, by_chance),
        along=evenness / by_chance,
    )


def _evened(away: Floats, counts: Floats, spread: float) -> Floats:
    """An inverse root of how prompts vary, which takes all directions for a little variable.

    Only lengths of what is turned by it are looked at, so that any root will do: Cholesky's is the cheap one.
    """
    varying = away.T @ away / counts.sum()
    varying[np.diag_indices_from(varying)] += LEAST_VARYING * spread / len(varying)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(varying)).T)


def _limit(directions: float) -> float:
    """Of a gamma distribution that varies in so many directions (Wilson and Hilferty)."""
    ninth = 2 / (9 * directions)
    return float((1 - ninth + BEYOND_CHANCE * np.sqrt(ninth)) ** 3)


def _between(days: Floats, turned: Floats, counts: Floats, by_chance: float) -> float:
    """How far days are from all others, as a square, less what chance makes of it.

    Of five days or more the second largest: what one day was like is no rule.
    """
    each = []
    for day in np.unique(days):
        here, others = days == day, days != day
        n, rest = counts[here].sum(), counts[others].sum()
        if n >= LEAST_PROMPTS and rest >= LEAST_PROMPTS:
            apart = turned[here].sum(axis=0) / n - turned[others].sum(axis=0) / rest
            each.append(float(apart @ apart) - by_chance * (1 / n + 1 / rest))
    largest = sorted(each, reverse=True)
    return max(0.0, largest[1 if len(largest) >= _MANY_DAYS else 0]) if largest else 0.0


class Prompts(msgspec.Struct, frozen=True):
    """What a stretch of minutes asked, and what was usual in each hour that it touches."""

    start_s: int
    totals: Floats
    """Minutes by dimensions."""
    counts: Floats
    usual: dict[int, Usual | None]
    """By the Unix seconds at which the hour begins."""

    def shifts(self, window: int) -> Floats:
        """Of each minute, see :func:`shifts`; nan in hours of which nothing is known."""
        values = np.full(len(self.counts), np.nan)
        hours = (self.start_s + MINUTE_S * np.arange(len(values))) // HOUR_S * HOUR_S
        for hour_s in np.unique(hours):
            usual = self.usual.get(int(hour_s))
            if usual is None:
                continue
            [places] = np.nonzero(hours == hour_s)
            # With the minutes before, which stretches of the hour's first ones reach into.
            first = max(0, int(places[0]) - window)
            found = shifts(self.totals[first : places[-1] + 1], self.counts[first : places[-1] + 1], usual, window)
            values[places] = found[int(places[0]) - first :]
        return values


def shifts(totals: Floats, counts: Floats, usual: Usual, window: int) -> Floats:
    """At each minute how far the prompts of the last minutes are from the usual: 0 to 1, nan where nobody can tell.

    0 is what chance may make of so few; 1 is the distance at which one prompt is from the usual. Of stretches of up to
    ``window`` minutes the one counts that is furthest.
    """
    values = np.full(len(counts), np.nan)
    away = totals - counts[:, None] * usual.mean
    both = np.concatenate((away, away @ usual.evened), axis=1)
    for minutes in sorted({each for each in STRETCHES if each < window} | {window}):
        values = np.fmax(values, _over(both, counts, usual, minutes))
    return values


def _over(away: Floats, counts: Floats, usual: Usual, minutes: int) -> Floats:
    """``away`` are each minute's prompts less as many usual ones, as they are and then evened."""
    summed, n = rolled(away, minutes), rolled(counts, minutes)
    enough = n >= LEAST_PROMPTS
    few = np.where(enough, n, 1.0)
    apart, evened = np.hsplit(summed / few[:, None], 2)
    rarity = 1 / few + 1 / usual.prompts
    # Where days differ, chance also carries further along the way in which they do.
    further = 2 * np.sqrt(usual.between_days * usual.along * rarity)
    by_chance = usual.by_chance * rarity * usual.limit + usual.between_days + BEYOND_CHANCE * further
    real = np.square(evened).sum(axis=1) > by_chance
    square = np.square(apart).sum(axis=1) - usual.spread * rarity
    shift = np.sqrt(np.maximum(square, 0.0) / usual.spread)
    return np.where(enough, np.where(real, np.minimum(shift, 1.0), 0.0), np.nan)
