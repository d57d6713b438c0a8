"""Which calls explain a change: an exact split of it over the values of each dimension. Pure, no Django, no clock.

A share or mean ``R = Σ x / Σ n`` moves because calls of a segment fare differently (*rate effect*) or because there are
more or fewer of them (*mix effect*). With ``w`` a segment's part of the calls and ``r`` its own rate, before (0) and
now (1)::

    R₁ - R₀ = Σ (w₀+w₁)/2 · (r₁-r₀)  +  Σ (w₁-w₀) · ((r₀+r₁)/2 - (R₀+R₁)/2)

which is the symmetric form of the decomposition after Kitagawa (*Components of a Difference Between Two Rates*, JASA
1955): nothing is left over, and neither side is taken for the norm. A total ``T = n · r`` is split the same way into
what more calls (*mix effect*) and what dearer ones (*rate effect*) add. Segments of one dimension add up to the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

NOT_KEPT: Final = ""
"""A value that calls do not have: part of the sums, and never to blame."""


class Measure(StrEnum):
    """What kind of figure it is."""

    SHARE = "share"
    """Calls of which something is true, of all calls; each ``x`` is 0 or 1."""
    MEAN = "mean"
    """A figure of each call, on average."""
    TOTAL = "total"
    """A figure of each call, summed up, a minute; with every ``x`` 1 the number of calls."""


class Sums(msgspec.Struct, frozen=True):
    """Of some calls: how many, and their figure with its square."""

    n: float = 0.0
    x: float = 0.0
    xx: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.x + other.x, self.xx + other.xx)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.n - other.n, self.x - other.x, self.xx - other.xx)

    @property
    def rate(self) -> float:
        """Per call; 0 without calls."""
        return self.x / self.n if self.n > 0 else 0.0

    @property
    def variance(self) -> float:
        """Of the figure over calls, at least 0."""
        return max(0.0, self.xx / self.n - self.rate**2) if self.n > 0 else 0.0


class Cell(msgspec.Struct, frozen=True):
    """Calls with the same values of all dimensions, in one of the two times."""

    values: tuple[str, ...]
    now: bool
    sums: Sums


class Both(msgspec.Struct, frozen=True):
    """The same calls before and now."""

    before: Sums = Sums()
    now: Sums = Sums()

    def __add__(self, other: Both) -> Both:
        return Both(self.before + other.before, self.now + other.now)

    def __sub__(self, other: Both) -> Both:
        return Both(self.before - other.before, self.now - other.now)


class Change(msgspec.Struct, frozen=True):
    """How a figure moved. Totals are of a minute: both times are divided by their length."""

    measure: Measure
    all: Both
    minutes_before: float = 1.0
    minutes_now: float = 1.0

    @property
    def before(self) -> float:
        """The figure as it was."""
        if self.measure is Measure.TOTAL:
            return self.all.before.x / self.minutes_before
        return self.all.before.rate

    @property
    def now(self) -> float:
        """The figure as it is."""
        return self.all.now.x / self.minutes_now if self.measure is Measure.TOTAL else self.all.now.rate

    @property
    def by(self) -> float:
        """Now less before."""
        return self.now - self.before


class Effect(msgspec.Struct, frozen=True):
    """What a segment adds to a change."""

    rate: float
    mix: float

    @property
    def both(self) -> float:
        """Together."""
        return self.rate + self.mix


def effect_of(segment: Both, change: Change) -> Effect:
    """What these calls add; over all values of a dimension the effects sum up to the change."""
    if change.measure is Measure.TOTAL:
        n0, n1 = segment.before.n / change.minutes_before, segment.now.n / change.minutes_now
        r0, r1 = _rates(segment)
        return Effect((n0 + n1) / 2 * (r1 - r0), (n1 - n0) * (r0 + r1) / 2)
    w0, w1 = weights(segment, change)
    r0, r1 = _rates(segment)
    level = (change.all.before.rate + change.all.now.rate) / 2
    return Effect((w0 + w1) / 2 * (r1 - r0), (w1 - w0) * ((r0 + r1) / 2 - level))


def undone(segment: Both, change: Change) -> float:
    """The share of the change that were not there if these calls were as many as before and fared as before.

    Unlike effects, these shares do not add up: calls that only have a smaller part, because others became more, have
    a mix effect, and nothing that could be undone.
    """
    if not change.by:
        return 0.0
    longer = change.minutes_now / change.minutes_before
    as_before = Sums(segment.before.n * longer, segment.before.x * longer, segment.before.xx * longer)
    without = msgspec.structs.replace(change, all=Both(change.all.before, change.all.now - segment.now + as_before))
    return (change.now - without.now) / change.by


def weights(segment: Both, change: Change) -> tuple[float, float]:
    """The segment's part of the calls, before and now."""
    before, now = change.all.before.n, change.all.now.n
    return (segment.before.n / before if before else 0.0, segment.now.n / now if now else 0.0)


def _rates(segment: Both) -> tuple[float, float]:
    """Calls that are only on one side fare there as they do: all that they add is that they are more or fewer."""
    before, now = segment.before, segment.now
    return before.rate if before.n else now.rate, now.rate if now.n else before.rate


def by_values(cells: Iterable[Cell], places: Sequence[int]) -> dict[tuple[str, ...], Both]:
    """The cells summed up by their values at these places."""
    found: dict[tuple[str, ...], Both] = {}
    for cell in cells:
        key = tuple(cell.values[place] for place in places)
        one = Both(now=cell.sums) if cell.now else Both(before=cell.sums)
        found[key] = found[key] + one if key in found else one
    return found
