"""Which part of an answer to sum up first: pages are often full long before everything that is asked for was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, TypeVar

from contracts.usage import UsageDimension, UsageQuery
from events.ledger.buckets import Bucket
from events.ledger.sources import Lead

FEWEST_CALLS: Final = 10_000
"""Of a slice: less is not worth a query."""
CALLS_PER_ROW: Final = 8
"""How many calls make a row of the answer, before anything is known about them."""
IN_FEW_ROWS: Final = 10
"""How many times as many calls a slice has whose sums are kept in few rows."""
MARGIN: Final = 1.1
"""So many times what seems to be wanted is read: one slice more costs more than rows too many."""
MOST_GROWTH: Final = 32
"""A slice is at most so many times as large as the one before: the first may have had few rows by chance."""
MOST_GROWTH_OF_RANGES: Final = 2
"""The same of slices that are cut along a dimension: of those who come first, some call a thousand times as often."""

T = TypeVar("T")


class Slice(NamedTuple):
    """Neighbouring buckets, or of a single one the calls in a range of one dimension."""

    buckets: Sequence[Bucket]
    lead: Lead | None = None


def slices(
    query: UsageQuery,
    weighed: Sequence[tuple[Bucket, int]],
    lead_of: UsageDimension | None,
    values_in: Callable[[Bucket, int], Sequence[tuple[str, int]]],
    *,
    few_rows: bool = False,
    found: Callable[[], int] = lambda: 0,
) -> Iterator[Slice]:
    """The buckets in slices of about as many calls as a page may need: as many as the rows that are still wanted take
    by those that were ``found`` in the slices before, or twice as many each time.

    ``weighed`` tells how many calls each bucket has at most. One that has too many is cut along ``lead_of`` (None: not
    at all), for which ``values_in`` tells values of the dimension in their order, from the first that is asked for, and
    how many of its calls each has, roughly: what lies between and behind them is not lost.
    """
    most = max(FEWEST_CALLS, CALLS_PER_ROW * query.limit)
    wide = most * IN_FEW_ROWS if few_rows else most
    pace = _Pace(query.limit + 1, FEWEST_CALLS * (IN_FEW_ROWS if few_rows else 1), found)
    # A bucket may have a row for each of its calls, when there are many values.
    of_buckets = partial(pace.following, wide if lead_of is None else most, MOST_GROWTH)
    of_ranges = partial(pace.following, wide, MOST_GROWTH_OF_RANGES)
    for chunk, calls, _ in _chunks(weighed, of_buckets):
        buckets = [bucket for bucket, _ in chunk]
        if lead_of is None or len(buckets) > 1 or calls <= wide:
            yield Slice(buckets)
            pace.read += calls
            continue
        first = None
        for _, share, before in _chunks(values_in(buckets[0], calls), of_ranges):
            if before is not None:
                yield Slice(buckets, Lead(lead_of, first, before))
                pace.read += share
                first, calls = before, calls - share
        yield Slice(buckets, Lead(lead_of, first, None))
        pace.read += max(0, calls)


@dataclass
class _Pace:
    """How many calls the next slice should have."""

    wanted: int
    fewest: int
    found: Callable[[], int]
    read: int = 0
    """Calls that slices had so far."""
    last: int = 0

    def following(self, first: int, growth: int) -> int:
        """``first`` is what the first has, and any that nothing is known for."""
        rows = self.found()
        if not self.read:
            self.last = first
        elif not rows:
            self.last = max(2 * self.last, first)
        else:
            seems = round(MARGIN * self.read * (self.wanted - rows) / rows)
            self.last = min(max(seems, self.fewest), growth * max(self.last, self.fewest))
        return self.last


def _chunks(
    weighed: Iterable[tuple[T, int]], most: Callable[[], int]
) -> Iterator[tuple[list[tuple[T, int]], int, T | None]]:
    """Neighbours that weigh up to ``most`` together, or one that weighs more alone; with who comes next, if anybody.

    How much that is, is asked when a chunk begins.
    """
    chunk: list[tuple[T, int]] = []
    weight = limit = 0
    for one in weighed:
        if not weight:
            chunk = []  # What weighs nothing need not come first.
            limit = limit or most()
        elif weight + one[1] > limit:
            yield chunk, weight, one[0]
            chunk, weight, limit = [], 0, most()
        chunk.append(one)
        weight += one[1]
    if weight:
        yield chunk, weight, None
