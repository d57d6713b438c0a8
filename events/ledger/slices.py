"""Which part of an answer to sum up first: pages are often full long before everything that is asked for was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
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

T = TypeVar("T")


class Slice(NamedTuple):
    """Neighbouring buckets, or of a single one the calls in a range of one dimension."""

    buckets: Sequence[Bucket]
    lead: Lead | None = None


def slices(
    query: UsageQuery,
    weighed: Sequence[tuple[Bucket, int]],
    lead_of: UsageDimension | None,
    values_in: Callable[[Bucket], Sequence[tuple[str, int]]],
    *,
    few_rows: bool = False,
    found: Callable[[], int] = lambda: 0,
) -> Iterator[Slice]:
    """The buckets in slices of about as many calls as a page may need: of several buckets, as many as the rows that are
    still wanted take by those that were ``found`` in the slices before, or twice as many each time.

    ``weighed`` tells how many calls each bucket has at most. One that has too many is cut along ``lead_of`` (None: not
    at all), for which ``values_in`` tells values of the dimension in their order, from the first that is asked for, and
    how many of the calls each has, roughly: what lies between them is not lost.
    """
    most = max(FEWEST_CALLS, CALLS_PER_ROW * query.limit)
    wide = most * IN_FEW_ROWS if few_rows else most

    def following(most: int, read: int) -> int:
        rows = found()
        if not rows:
            return 2 * most
        wanted = round(MARGIN * read * (query.limit + 1 - rows) / rows)
        return min(max(wanted, most), MOST_GROWTH * most)

    # A bucket may have a row for each of its calls, when there are many values.
    for chunk, calls in _chunks(weighed, wide if lead_of is None else most, following):
        buckets = [bucket for bucket, _ in chunk]
        if lead_of is None or len(buckets) > 1 or calls <= wide:
            yield Slice(buckets)
            continue
        values = values_in(buckets[0])
        known = sum(share for _, share in values) or 1
        cuts = [part[0][0] for part, _ in _chunks([(value, calls * share // known) for value, share in values], wide)]
        for first, before in pairwise([None, *cuts[1:], None]):
            yield Slice(buckets, Lead(lead_of, first, before))


def _chunks(
    weighed: Iterable[tuple[T, int]], most: int, following: Callable[[int, int], int] = lambda most, _: most
) -> Iterator[tuple[list[tuple[T, int]], int]]:
    """Neighbours that weigh up to ``most`` together, or one that weighs more alone.

    ``following`` tells the limit of the next from that of the last and from the weight so far.
    """
    chunk: list[tuple[T, int]] = []
    weight = passed = 0
    for one in weighed:
        if not weight:
            chunk = []  # What weighs nothing need not come first.
        elif weight + one[1] > most:
            yield chunk, weight
            passed += weight
            chunk, weight, most = [], 0, following(most, passed)
        chunk.append(one)
        weight += one[1]
    if weight:
        yield chunk, weight
