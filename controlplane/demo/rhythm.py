"""When calls arrive: by the hour and day of the tenant's own time zone, growing from day to day. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

BIN = timedelta(minutes=15)

_HOURS = {
    "office": (1, 1, 1, 1, 1, 2, 6, 16, 42, 78, 96, 92, 58, 72, 94, 88, 70, 44, 20, 10, 6, 4, 3, 2),
    "shop": (14, 8, 5, 4, 3, 4, 8, 16, 28, 40, 52, 60, 66, 62, 56, 54, 56, 64, 78, 92, 100, 90, 60, 30),
    "evening": (12, 5, 3, 2, 2, 4, 12, 20, 16, 14, 16, 18, 22, 24, 28, 40, 58, 76, 92, 100, 96, 78, 50, 26),
    "always": (40, 62, 66, 44, 34, 30, 34, 42, 56, 72, 84, 82, 70, 76, 84, 80, 74, 64, 54, 48, 44, 42, 40, 38),
}
"""Relative load by local hour."""
_WEEKEND = {"office": 0.09, "shop": 1.3, "evening": 1.15, "always": 0.5}


def arrivals(
    rng: Random, *, rhythm: str, time_zone: str, start: datetime, until: datetime, count: int, growth: float
) -> list[int]:
    """``count`` instants in Unix milliseconds, ascending."""
    if count <= 0:
        return []
    zone, width = ZoneInfo(time_zone), BIN.total_seconds() * 1000
    bins, weights = [], []
    instant = start
    while instant < until:
        local = instant.astimezone(zone)
        hours = _HOURS[rhythm]
        here, following = hours[local.hour], hours[(local.hour + 1) % 24]
        load = here + (following - here) * local.minute / 60
        progress = (instant - start) / (until - start)
        weekend = _WEEKEND[rhythm] if local.weekday() >= 5 else 1.0
        whole = min(1.0, (until - instant) / BIN)
        bins.append(instant.astimezone(UTC).timestamp() * 1000)
        weights.append(load * weekend * growth**progress * whole * rng.uniform(0.85, 1.15))
        instant += BIN
    last = until.timestamp() * 1000 - 1
    chosen = rng.choices(bins, cum_weights=list(accumulate(weights)), k=count)
    return sorted(int(min(last, first + rng.random() * width)) for first in chosen)
