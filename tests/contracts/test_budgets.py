"""Windows of budgets follow the wall clock of the tenant's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.budgets import FOR_EVER, BudgetSpec, BudgetWindow, Period, budget_period, period_at

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Asia/Beirut"]
CALENDAR = [window for window in BudgetWindow if window is not BudgetWindow.TOTAL]


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("window", "zone", "now", "start", "end"),
    [
        ("hour", "UTC", "2026-11-21T10:59:59.999Z", "2026-11-21T10:00Z", "2026-11-21T11:00Z"),
        ("hour", "Asia/Kolkata", "2026-11-21T10:29Z", "2026-11-21T09:30Z", "2026-11-21T10:30Z"),
        ("day", "Europe/Berlin", "2026-11-21T22:59Z", "2026-11-20T23:00Z", "2026-11-21T23:00Z"),
        ("day", "Europe/Berlin", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        ("day", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("week", "America/New_York", "2026-11-22T23:00Z", "2026-11-16T05:00Z", "2026-11-23T05:00Z"),
        ("month", "UTC", "2028-02-29T23:59Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
        ("month", "America/New_York", "2027-01-01T04:59Z", "2026-12-01T05:00Z", "2027-01-01T05:00Z"),
    ],
)
def test_a_window_begins_and_ends_with_the_calendar(window: str, zone: str, now: str, start: str, end: str) -> None:
    assert period_at(BudgetWindow(window), zone, ms(now)) == Period(ms(start), ms(end))


def test_a_total_budget_has_one_window() -> None:
    assert period_at(BudgetWindow.TOTAL, "Europe/Berlin", 0) == period_at(BudgetWindow.TOTAL, "UTC", 10**12) == FOR_EVER


@given(
    window=st.sampled_from(CALENDAR),
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
)
def test_every_instant_is_in_its_window_and_windows_follow_each_other(
    window: BudgetWindow, zone: str, now: datetime
) -> None:
    now_ms = int(now.timestamp() * 1000)
    period = period_at(window, zone, now_ms)
    assert period.start_ms <= now_ms < period.end_ms
    assert period_at(window, zone, period.start_ms) == period
    assert period_at(window, zone, period.end_ms - 1) == period
    assert period_at(window, zone, period.end_ms).start_ms == period.end_ms


@given(zone=st.sampled_from(ZONES), now=st.datetimes(datetime(2013, 1, 1), datetime(2040, 1, 1)))
def test_a_day_is_the_local_date(zone: str, now: datetime) -> None:
    instant = now.replace(tzinfo=UTC)
    period = period_at(BudgetWindow.DAY, zone, int(instant.timestamp() * 1000))
    local = ZoneInfo(zone)
    dates = {
        datetime.fromtimestamp(edge_ms / 1000, local).date()
        for edge_ms in (period.start_ms, period.end_ms - 1, int(instant.timestamp() * 1000))
    }
    assert dates == {instant.astimezone(local).date()}
    assert timedelta(hours=22) < timedelta(milliseconds=period.end_ms - period.start_ms) < timedelta(hours=26)


@pytest.mark.parametrize(
    ("counts_from", "start"),
    [
        (None, "2026-03-01T00:00+00:00"),
        ("2026-02-20T12:00+00:00", "2026-03-01T00:00+00:00"),
        ("2026-03-10T12:00+00:00", "2026-03-10T12:00+00:00"),
        ("2026-03-16T00:00+00:00", "2026-03-01T00:00+00:00"),
    ],
    ids=["never reset", "in an earlier window", "in this window", "by a clock that is ahead"],
)
def test_a_reset_begins_the_window_anew(counts_from, start):
    budget = BudgetSpec(
        id="b",
        name="monthly",
        level="tenant",
        subject="t",
        limit_nanousd=1,
        window=BudgetWindow.MONTH,
        counts_from_ms=ms(counts_from) if counts_from else 0,
    )

    found = budget_period(budget, ms("2026-03-15T00:00+00:00"))

    assert found == Period(ms(start), ms("2026-04-01T00:00+00:00"))
