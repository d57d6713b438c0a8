"""Days of traffic by the minute: a daily and weekly season, and regressions planted into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
    """Series by the minute; nan where nothing was measured."""

    signals: dict[str, Floats]
    total: Floats
    good: Floats
    fast: Floats
    """Calls that ended without an error, and those within two seconds."""
    planted: list[Planted]


def planted_days(first_day: int, chance: np.random.Generator) -> list[Planted]:
    """Twenty regressions, one a day, of all kinds and sizes, at random times of the day."""
    found = []
    for number in range(20):
        kind, size = KINDS[number % len(KINDS)], SIZES[(number // 2) % len(SIZES)]
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
    # Latencies are lognormal around 0.8 s, slower at noon; a median of n has a deviation of 1.25 sigma / sqrt(n).
    calls = np.maximum(total, 1)
    middle = np.log(0.8) + 0.08 * np.sin(2 * np.pi * phase) + np.log(extra["latency"])
    middle += 0.03 * _wandering(len(minute), chance)
    slow = 0.5 * _erfc((np.log(2.0) - middle) / 0.45 / np.sqrt(2))
    fast = total - chance.binomial(total.astype(int), np.clip(slow, 0, 1))
    cost = np.exp(np.log(extra["cost"]) + 0.7 * chance.normal(0, 1, len(minute)) / np.sqrt(calls))
    judged = np.maximum(chance.poisson(0.1 * expected), 0)
    noise = chance.normal(0, 1, (2, len(minute)))
    quality = np.where(judged > 0, 0.85 - extra["quality"] + 0.18 * noise[0] / np.sqrt(np.maximum(judged, 1)), np.nan)
    signals = {
        "errors": errors / calls,
        "latency": np.exp(middle + 1.25 * 0.45 * chance.normal(0, 1, len(minute)) / np.sqrt(calls)),
        "cost": cost,
        "refusals": refusals / calls,
        "quality": quality,
        # The mean prompt's place along the way to a topic, in deviations of one prompt.
        "embedding": 2.5 * extra["embedding"] + noise[1] / np.sqrt(calls),
    }
    for values in signals.values():
        values[total == 0] = np.nan
    return Traffic(signals, total, total - errors, fast, planted)


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


def _erfc(values: Floats) -> Floats:
    from scipy.special import erfc

    return np.asarray(erfc(values))
