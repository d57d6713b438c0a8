"""How rollups cut time, and how any stretch of time is put together from their pieces. Pure.

The finest rollup holds quarters of an hour: every time zone's offset from UTC is a multiple of that, so that local
hours, days and months are sums of whole rollup rows in every zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple


class Grain(IntEnum):
    """Width of a rollup's rows, aligned to UTC. The numbers are those of the tables' ``grain`` column."""

    QUARTER = 0
    HOUR = 1
    DAY = 2
    SIX_HOURS = 3
    FIVE_DAYS = 4
    THIRTY_DAYS = 5

    @property
    def width_ms(self) -> int:
        """Milliseconds."""
        return _WIDTH_MS[self]


_WIDTH_MS: Final = {
    Grain.QUARTER: 900_000,
    Grain.HOUR: 3_600_000,
    Grain.SIX_HOURS: 21_600_000,
    Grain.DAY: 86_400_000,
    Grain.FIVE_DAYS: 432_000_000,
    Grain.THIRTY_DAYS: 2_592_000_000,
}
"""Each divides the next. The widest are not months: months begin at different instants in different zones."""
QUARTER_MS: Final = _WIDTH_MS[Grain.QUARTER]

ALL_GRAINS: Final = (
    Grain.THIRTY_DAYS,
    Grain.FIVE_DAYS,
    Grain.DAY,
    Grain.SIX_HOURS,
    Grain.HOUR,
    Grain.QUARTER,
)
TAG_GRAINS: Final = (Grain.THIRTY_DAYS, Grain.FIVE_DAYS, Grain.DAY, Grain.SIX_HOURS, Grain.QUARTER)
USER_GRAINS: Final = (Grain.DAY, Grain.QUARTER)
"""An end user rarely calls in one way twice an hour, or twice in five days: wider rows would save nothing."""
USER_MARGIN_GRAINS: Final = (Grain.THIRTY_DAYS, Grain.FIVE_DAYS, Grain.DAY)
"""Of end users in all their ways together; quarters are those of :data:`USER_GRAINS`."""
USERS_GRAINS: Final = (*USER_MARGIN_GRAINS, Grain.QUARTER)
"""Of the two together."""

LAST_MS: Final = 253_370_764_800_000
"""The year 9999: what has no end ends here, where PostgreSQL and Python can still name it."""


class Piece(NamedTuple):
    """Rows of one grain that start at ``start_ms`` or later, and before ``end_ms``. Unix milliseconds."""

    grain: Grain
    start_ms: int
    end_ms: int


def floor_quarter(instant_ms: int) -> int:
    """The last full quarter of an hour at or before."""
    return instant_ms - instant_ms % QUARTER_MS


def ceil_quarter(instant_ms: int) -> int:
    """The first full quarter of an hour at or after."""
    return -(-instant_ms // QUARTER_MS) * QUARTER_MS


def pieces(start_ms: int, end_ms: int, grains: Sequence[Grain] = ALL_GRAINS) -> list[Piece]:
    """The stretch in as few rows as possible: coarse ones in the middle, finer ones towards the edges.

    ``grains`` are coarsest first and end with quarters; both edges lie on full quarters. The pieces touch and do not
    overlap; an empty stretch has none.
    """
    if start_ms >= end_ms:
        return []
    grain, finer = grains[0], grains[1:]
    first = -(-start_ms // grain.width_ms) * grain.width_ms
    last = end_ms - end_ms % grain.width_ms
    if first >= last:
        return pieces(start_ms, end_ms, finer) if finer else []
    return (
        [*pieces(start_ms, first, finer), Piece(grain, first, last), *pieces(last, end_ms, finer)]
        if finer
        else [Piece(grain, first, last)]
    )
