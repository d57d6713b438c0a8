"""What is read first is what a page needs, and nothing is left out in the end."""

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.usage import UsageDimension, UsageQuery
from events.ledger.buckets import Bucket
from events.ledger.slices import FEWEST_CALLS, MOST_GROWTH, slices

QUERY = UsageQuery(tenant_id="t", start_ms=0, end_ms=1, limit=10)


def weighed(*calls: int) -> list[tuple[Bucket, int]]:
    return [(Bucket(place, place + 1), number) for place, number in enumerate(calls)]


@given(st.lists(st.integers(0, 3 * FEWEST_CALLS), max_size=30))
def test_every_bucket_with_calls_is_in_one_slice(calls):
    found = [bucket for part in slices(QUERY, weighed(*calls), None, lambda *_: []) for bucket in part.buckets]
    assert len(found) == len(set(found))
    assert {bucket for bucket, number in weighed(*calls) if number} <= set(found)
    assert found == sorted(found)


def test_slices_are_small_at_first_and_grow():
    parts = list(slices(QUERY, weighed(*[FEWEST_CALLS] * 7), None, lambda *_: []))
    assert [len(part.buckets) for part in parts] == [1, 2, 4]


def test_what_slices_had_tells_how_much_is_read_next():
    rows: list[int] = []
    parts = []
    for part in slices(QUERY, weighed(*[FEWEST_CALLS] * 30), None, lambda *_: [], found=rows.__len__):
        parts.append(len(part.buckets))
        rows.extend(bucket.start_ms for bucket in part.buckets)  # One row a bucket, of the eleven that are asked for.
        if len(rows) > QUERY.limit:
            break
    assert parts == [1, 11]


def test_a_first_slice_with_few_rows_does_not_have_all_read_at_once():
    parts = slices(QUERY, weighed(*[FEWEST_CALLS] * 100), None, lambda *_: [], found=lambda: 1)
    assert [len(part.buckets) for part in parts][:2] == [1, 11]
    parts = slices(
        msgspec.structs.replace(QUERY, limit=1_000),
        weighed(*[FEWEST_CALLS] * 100),
        None,
        lambda *_: [],
        found=lambda: 1,
    )
    assert [len(part.buckets) for part in parts][:2] == [1, MOST_GROWTH]


def test_the_last_slice_is_no_larger_than_what_is_still_wanted():
    rows: list[int] = []
    parts = []
    for part in slices(QUERY, weighed(*[FEWEST_CALLS] * 30), None, lambda *_: [], found=rows.__len__):
        parts.append(len(part.buckets))
        if len(parts) == 3:
            rows += range(QUERY.limit)  # One is missing.
        if len(parts) == 4:
            break
    assert parts == [1, 2, 4, 1]


def ranges(shares: list[int], found: Callable[[], int] = lambda: 0) -> list[tuple[str | None, str | None]]:
    values = [(f"user-{number:02}", share) for number, share in enumerate(shares)]
    parts = slices(QUERY, weighed(sum(shares)), UsageDimension.USER, lambda *_: values, found=found)
    return [(part.lead.first, part.lead.before) for part in parts if part.lead is not None]


@pytest.mark.parametrize("rows", [0, 1])
def test_ranges_of_a_bucket_grow_slowly(rows: int):
    assert ranges([FEWEST_CALLS] * 8, lambda: rows) == [
        (None, "user-01"),
        ("user-01", "user-03"),
        ("user-03", "user-07"),
        ("user-07", None),
    ]


def test_who_stands_for_all_that_follow_is_left_to_the_last_range():
    assert ranges([1, 1, 1, 9 * FEWEST_CALLS]) == [(None, "user-03"), ("user-03", None)]


@given(st.lists(st.integers(1, FEWEST_CALLS), min_size=1, max_size=30))
def test_a_large_bucket_is_cut_into_ranges_that_leave_nothing_out(shares):
    values = [(f"user-{number:02}", share) for number, share in enumerate(shares)]
    parts = list(slices(QUERY, weighed(5 * FEWEST_CALLS), UsageDimension.USER, lambda *_: values))
    leads = [part.lead for part in parts]
    assert leads[0] is not None
    assert (leads[0].first, leads[-1] and leads[-1].before) == (None, None)
    for lead, following in pairwise(leads):
        assert lead is not None
        assert following is not None
        assert lead.before == following.first


def test_a_large_bucket_of_nobody_known_is_read_whole():
    [part] = slices(QUERY, weighed(5 * FEWEST_CALLS), UsageDimension.USER, lambda *_: [])
    assert part.lead is not None
    assert part.lead.first is part.lead.before is None
