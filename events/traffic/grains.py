"""How traffic's tables cut time, and how any stretch of it is put together from their rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, NamedTuple


class Grain(IntEnum):
    """Width of a row, aligned to UTC. The numbers are those of the tables' ``grain`` column."""

    MINUTE = 0
    QUARTER = 1
    HOUR = 2
    DAY = 3

    @property
    def width_s(self) -> int:
        """Seconds."""
        return _WIDTH_S[self]


_WIDTH_S: Final = {Grain.MINUTE: 60, Grain.QUARTER: 900, Grain.HOUR: 3_600, Grain.DAY: 86_400}
GRAINS: Final = (Grain.DAY, Grain.HOUR, Grain.QUARTER, Grain.MINUTE)
"""Coarsest first; each is a multiple of the next."""

KEPT: Final = {Grain.MINUTE: timedelta(days=3), Grain.QUARTER: timedelta(days=65), Grain.HOUR: timedelta(days=850)}
"""How long rows of a grain stay. Days stay."""
_SPARE: Final = timedelta(hours=1)


class Piece(NamedTuple):
    """Rows of one grain that start at ``start_s`` or later, and before ``end_s``. Unix seconds."""

    grain: Grain
    start_s: int
    end_s: int


def pieces(start_s: int, end_s: int, grains: Sequence[Grain] = GRAINS) -> list[Piece]:
    """The stretch in as few rows as possible: wide ones in the middle, narrower ones towards the edges.

    ``grains`` are coarsest first. What the finest of them cannot tell apart belongs to the stretch that it begins in.
    """
    grain, finer = grains[0], grains[1:]
    if not finer:
        start_s, end_s = start_s - start_s % grain.width_s, end_s - end_s % grain.width_s
        return [Piece(grain, start_s, end_s)] if start_s < end_s else []
    first = -(-start_s // grain.width_s) * grain.width_s
    last = end_s - end_s % grain.width_s
    if first >= last:
        return pieces(start_s, end_s, finer)
    return [*pieces(start_s, first, finer), Piece(grain, first, last), *pieces(last, end_s, finer)]


def snapped(moment: datetime, now: datetime) -> int:
    """Unix seconds of the instant, at or before ``moment``, that rows which are still there begin at."""
    kept = [grain for grain in GRAINS if grain not in KEPT or moment > now - KEPT[grain] + _SPARE]
    width_s = min(grain.width_s for grain in kept)
    seconds = int(moment.timestamp())
    return seconds - seconds % width_s
