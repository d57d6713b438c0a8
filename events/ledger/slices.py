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
) -> Iterator[Slice]:
    """The buckets in slices of about as many calls as a page may need, of several buckets twice as many each time.

    ``weighed`` tells how many calls each bucket has at most. One that has too many is cut along ``lead_of`` (None: not
    at all), for which ``values_in`` tells values of the dimension in their order, from the first that is asked for, and
    how many of the calls each has, roughly: what lies between them is not lost.
    """
    most = max(FEWEST_CALLS, CALLS_PER_ROW * query.limit)
    wide = most * IN_FEW_ROWS if few_rows else most
    # A bucket may have a row for each of its calls, when there are many values.
    for chunk, calls in _chunks(weighed, wide if lead_of is None else most, growth=2):
        buckets = [bucket for bucket, _ in chunk]
        if lead_of is None or len(buckets) > 1 or calls <= wide:
            yield Slice(buckets)
            continue
        values = values_in(buckets[0])
        known = sum(share for _, share in values) or 1
        cuts = [part[0][0] for part, _ in _chunks([(value, calls * share // known) for value, share in values], wide)]
        for first, before in pairwise([None, *cuts[1:], None]):
            yield Slice(buckets, Lead(lead_of, first, before))


def _chunks(weighed: Iterable[tuple[T, int]], most: int, growth: int = 1) -> Iterator[tuple[list[tuple[T, int]], int]]:
    """Neighbours that weigh up to ``most`` together, or one that weighs more alone; the limit grows each time."""
    chunk: list[tuple[T, int]] = []
    weight = 0
    for one in weighed:
        if not weight:
            chunk = []  # What weighs nothing need not come first.
        elif weight + one[1] > most:
            yield chunk, weight
            chunk, weight, most = [], 0, growth * most
        chunk.append(one)
        weight += one[1]
    if weight:
        yield chunk, weight
