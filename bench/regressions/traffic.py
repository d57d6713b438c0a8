"""Days of traffic by the minute: a daily and weekly season, and regressions planted into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from events.traffic.measures import LAST_BUCKET, OCTAVE

Floats = np.ndarray[Any, np.dtype[Any]]

DAY = 1440
KINDS = ("errors", "latency", "cost", "refusals", "quality", "embedding")
SIZES = ("large", "medium", "subtle")

EFFECTS: dict[str, tuple[float, float, float]] = {
    "errors": (0.30, 0.05, 0.01),
    "latency": (2.5, 1.6, 1.25),
    "cost": (2.5, 1.6, 1.25),
    "refusals": (0.30, 0.06, 0.02),
    "quality": (0.35, 0.15, 0.05),
    "embedding": (0.50, 0.20, 0.08),
}
"""By size: shares of calls that fail or are refused as well, factors of latency and cost, points of the score that are
lost, and the share of prompts that turn to one new topic."""


@dataclass(frozen=True)
class Planted:
    """A regression: from ``start`` on, so many minutes."""

    kind: str
    size: str
    start: int
    minutes: int


@dataclass
class Traffic:
    """What would have been counted in each minute."""

    calls: Floats
    errors: Floats
    refusals: Floats
    guarded: Floats
    """Hits of guardrails."""
    cost_nanousd: Floats
    duration_us: Floats
    latencies: Floats
    """Answered calls: minutes by buckets, as the product counts them."""
    scored: Floats
    scores: Floats
    """Calls that an evaluator scored, and the sum of their scores."""
    planted: list[Planted]


def planted_days(first_day: int, chance: np.random.Generator, kinds: Sequence[str] = KINDS) -> list[Planted]:
    """Twenty regressions, one a day, of these kinds and all sizes, at random times of the day."""
    found = []
    for number in range(20):
        # Each round of kinds begins with another size, so that every kind comes in every size.
        kind, size = kinds[number % len(kinds)], SIZES[(number + number // len(kinds)) % len(SIZES)]
        start = (first_day + number) * DAY + int(chance.integers(6 * 60, 20 * 60))
        found.append(Planted(kind, size, start, int(chance.integers(60, 180))))
    return found


def traffic(days: int, planted: list[Planted], chance: np.random.Generator) -> Traffic:
    """Calls of ``days`` days from a Monday on; each minute's figures have the noise of so many calls."""
    minute = np.arange(days * DAY)
    phase = (minute % DAY) / DAY
    weekend = np.where((minute // DAY) % 7 >= 5, 0.5, 1.0)
    drifting = np.exp(0.05 * _wandering(len(minute), chance))
    expected = 120 * (0.25 + 0.75 * np.sin(np.pi * np.clip((phase - 0.2) / 0.7, 0, 1)) ** 2) * weekend * drifting
    total = chance.poisson(expected).astype(float)
    extra = {kind: _extra(kind, len(minute), planted) for kind in KINDS}
    errors = chance.binomial(total.astype(int), np.clip(0.002 + extra["errors"], 0, 1))
    refusals = chance.binomial(total.astype(int), np.clip(0.01 + extra["refusals"], 0, 1))
    # Latencies are lognormal around 0.8 s, slower at noon; single costs are lognormal, too, around 0.1 cents.
    middle = np.log(0.8) + 0.08 * np.sin(2 * np.pi * phase) + np.log(extra["latency"])
    middle += 0.03 * _wandering(len(minute), chance)
    duration_us, latencies = _durations(middle, total.astype(int), errors, chance)
    cost = np.exp(np.log(extra["cost"]) + 0.7 * chance.normal(0, 1, len(minute)) / np.sqrt(np.maximum(total, 1)))
    scored = np.minimum(chance.poisson(0.1 * expected), total).astype(float)
    noise = chance.normal(0, 1, (2, len(minute)))
    score = 0.85 - extra["quality"] + 0.18 * noise[0] / np.sqrt(np.maximum(scored, 1))
    return Traffic(
        calls=total,
        errors=errors.astype(float),
        refusals=refusals.astype(float),
        guarded=chance.binomial(total.astype(int), 0.005).astype(float),
        cost_nanousd=cost * total * 1e6,
        duration_us=duration_us,
        latencies=latencies,
        scored=scored,
        scores=scored * np.clip(score, 0, 1),
        planted=planted,
    )


def _durations(middle: Floats, total: Any, errors: Any, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """The time that each minute's calls took together, and in which buckets those that were answered lie."""
    minutes = len(total)
    of_minute = np.repeat(np.arange(minutes), total)
    us = np.exp(np.repeat(middle, total) + 0.45 * chance.normal(0, 1, len(of_minute))) * 1e6
    # Which of a minute's calls fail is a matter of chance: here they are its first.
    place = np.arange(len(of_minute)) - np.repeat(np.cumsum(total) - total, total)
    answered = place >= errors[of_minute]
    bucket = np.clip(np.floor(np.log2(np.maximum(us, 1000) / 1000) * OCTAVE) + 1, 0, LAST_BUCKET).astype(int)
    width = LAST_BUCKET + 1
    counted = np.bincount((of_minute * width + bucket)[answered], minlength=minutes * width)
    spent = np.bincount(of_minute, weights=us, minlength=minutes)
    return spent, counted.reshape(minutes, width).astype(float)


def _extra(kind: str, length: int, planted: list[Planted]) -> Floats:
    factor = kind in {"latency", "cost"}
    values = np.full(length, 1.0 if factor else 0.0)
    for each in planted:
        if each.kind == kind:
            effect = EFFECTS[kind][SIZES.index(each.size)]
            values[each.start : each.start + each.minutes] = effect
    return values


def _wandering(length: int, chance: np.random.Generator) -> Floats:
    """A slow walk around 0 with deviation 1 that returns within hours."""
    knots = np.arange(0, length + 240, 120)
    values = np.zeros(len(knots))
    steps = chance.normal(0, 1, len(knots))
    for at in range(1, len(knots)):
        values[at] = 0.8 * values[at - 1] + 0.6 * steps[at]
    return np.interp(np.arange(length), knots, values)
