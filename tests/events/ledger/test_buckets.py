"""Analytics are cut where the tenant's calendar and its budgets are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.budgets import BudgetWindow
from contracts.errors import InvalidRequest
from events.ledger.buckets import MAX_BUCKETS, buckets
from events.ledger.grains import QUARTER_MS


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def starts(window: BudgetWindow, zone: str, start: str, end: str) -> list[str]:
    found = buckets(window, zone, ms(start), ms(end))
    return [datetime.fromtimestamp(bucket.start_ms / 1000, UTC).isoformat() for bucket in found]


def test_days_begin_at_local_midnight():
    assert starts(BudgetWindow.DAY, "Europe/Berlin", "2026-01-01T00:00+01:00", "2026-01-03T00:00+01:00") == [
        "2025-12-31T23:00:00+00:00",
        "2026-01-01T23:00:00+00:00",
    ]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_on_which_the_clocks_change_have_an_hour_less_or_more(day: str, hours: int):
    noon = ms(f"{day}T12:00+01:00")
    days = buckets(BudgetWindow.DAY, "Europe/Berlin", noon - 2 * 86_400_000, noon + 2 * 86_400_000)
    [changed] = [bucket for bucket in days if bucket.start_ms <= noon < bucket.end_ms]
    assert changed.end_ms - changed.start_ms == hours * 3_600_000
    assert len(buckets(BudgetWindow.HOUR, "Europe/Berlin", changed.start_ms, changed.end_ms)) == hours


@pytest.mark.parametrize(("zone", "minute"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("UTC", 0)])
def test_hours_are_those_of_the_wall_clock(zone: str, minute: int):
    found = buckets(BudgetWindow.HOUR, zone, ms("2026-05-01T00:00Z"), ms("2026-05-01T03:00Z"))
    assert {datetime.fromtimestamp(bucket.start_ms / 1000, UTC).minute for bucket in found[1:]} == {minute}


def test_the_first_and_the_last_are_cut():
    found = buckets(BudgetWindow.MONTH, "UTC", ms("2026-01-10T00:00Z"), ms("2026-03-02T00:00Z"))
    assert [(bucket.end_ms - bucket.start_ms) // 86_400_000 for bucket in found] == [22, 28, 1]


def test_weeks_begin_on_monday():
    assert starts(BudgetWindow.WEEK, "UTC", "2026-11-16T00:00Z", "2026-11-29T00:00Z") == [
        "2026-11-16T00:00:00+00:00",
        "2026-11-23T00:00:00+00:00",
    ]


def test_total_is_one():
    assert len(buckets(BudgetWindow.TOTAL, "UTC", 0, ms("2026-11-16T00:00Z"))) == 1


def test_more_buckets_than_anybody_reads_are_refused_by_name():
    with pytest.raises(InvalidRequest) as refused:
        buckets(BudgetWindow.HOUR, "UTC", 0, (MAX_BUCKETS + 1) * 3_600_000)
    assert refused.value.param == "period"


@given(
    st.sampled_from(list(BudgetWindow)),
    st.sampled_from(
        ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", "Africa/Cairo"]
    ),
    st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)),
    st.integers(1, 900),
)
def test_buckets_touch_and_lie_on_quarters(window: BudgetWindow, zone: str, start: datetime, hours: int):
    first = int(start.replace(tzinfo=UTC).timestamp()) * 1000 // QUARTER_MS * QUARTER_MS
    last = first + int(timedelta(hours=hours).total_seconds() * 1000)
    found = buckets(window, zone, first, last)
    assert [found[0].start_ms, *(bucket.end_ms for bucket in found)] == [
        *(bucket.start_ms for bucket in found),
        last,
    ]
    assert all(bucket.start_ms < bucket.end_ms and bucket.end_ms % QUARTER_MS == 0 for bucket in found)
