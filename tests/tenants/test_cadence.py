"""When something is due, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from tenants.cadence import Cadence, check, last_until, next_after

BERLIN, NEW_YORK, KATHMANDU = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Kathmandu"))
NIGHTLY = Cadence(every="daily", hour=2, minute=30)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def times(cadence: Cadence, start: datetime, zone: ZoneInfo, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        start = next_after(cadence, start, zone) or pytest.fail("It never comes.")
        found.append(start)
    return found


def test_it_keeps_to_the_clock_on_the_wall_when_summer_begins_and_ends():
    spring = times(Cadence(every="daily", hour=6), utc(2026, 3, 28), BERLIN, 3)
    autumn = times(Cadence(every="daily", hour=6), utc(2026, 10, 24), BERLIN, 3)

    assert spring == [utc(2026, 3, 28, 5), utc(2026, 3, 29, 4), utc(2026, 3, 30, 4)]
    assert autumn == [utc(2026, 10, 24, 4), utc(2026, 10, 25, 5), utc(2026, 10, 26, 5)]


def test_what_falls_into_the_hour_that_is_leapt_over_comes_an_hour_later_and_only_once():
    assert times(NIGHTLY, utc(2026, 3, 28, 12), BERLIN, 2) == [utc(2026, 3, 29, 1, 30), utc(2026, 3, 30, 0, 30)]


def test_an_hour_that_comes_twice_counts_the_first_time_only():
    assert times(Cadence(every="daily", hour=1, minute=30), utc(2026, 10, 31, 12), NEW_YORK, 2) == [
        utc(2026, 11, 1, 5, 30),
        utc(2026, 11, 2, 6, 30),
    ]


def test_weeks_begin_on_the_tenants_own_monday():
    assert next_after(Cadence(every="weekly", weekday=0, hour=0), utc(2026, 11, 22, 17), KATHMANDU) == utc(
        2026, 11, 22, 18, 15
    )


def test_a_month_has_its_day():
    assert times(Cadence(every="monthly", day=28, hour=0), utc(2026, 1, 30), ZoneInfo("UTC"), 2) == [
        utc(2026, 2, 28),
        utc(2026, 3, 28),
    ]


def test_a_crontab_has_names_steps_and_rare_days():
    assert times(Cadence(every="cron", cron="15 8-18/5 * * mon-fri"), utc(2026, 11, 20, 17), BERLIN, 3) == [
        utc(2026, 11, 20, 17, 15),
        utc(2026, 11, 23, 7, 15),
        utc(2026, 11, 23, 12, 15),
    ]
    assert next_after(Cadence(every="cron", cron="0 0 29 feb *"), utc(2026, 1, 1), ZoneInfo("UTC")) == utc(2028, 2, 29)


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("* * * * *", "At most once an hour"),
        ("0,30 * * * *", "At most once an hour"),
        ("0 0 31 2 *", "No day fits"),
        ("0 0 * *", "five fields"),
        ("0 25 * * *", "no crontab"),
        ("0 0 * * noday", "no crontab"),
    ],
)
def test_a_crontab_that_means_nothing_is_refused_with_the_reason(cron: str, told: str):
    with pytest.raises(ValueError, match=told):
        check(Cadence(every="cron", cron=cron))


@pytest.mark.parametrize("wrong", [{"hour": 24}, {"day": 29}, {"weekday": 7}, {"every": "hourly"}])
def test_times_that_there_are_not_are_refused(wrong: dict):
    with pytest.raises(ValueError, match=r"no such|Choose"):
        check(Cadence(**{"every": "daily", **wrong}))


def test_beat_reads_the_fields_as_we_do():
    fields = Cadence(every="weekly", weekday=6, hour=7, minute=5).crontab
    read = crontab(fields.minute, fields.hour, fields.day_of_week, fields.day_of_month, fields.month_of_year)

    assert (read.minute, read.hour, read.day_of_week) == ({5}, {7}, {0})
    assert next_after(Cadence(every="weekly", weekday=6, hour=7), utc(2026, 11, 20), ZoneInfo("UTC")) == utc(
        2026, 11, 22, 7
    )


CADENCES = st.one_of(
    st.builds(Cadence, every=st.just("daily"), hour=st.integers(0, 23), minute=st.integers(0, 59)),
    st.builds(Cadence, every=st.just("weekly"), hour=st.integers(0, 23), weekday=st.integers(0, 6)),
    st.builds(Cadence, every=st.just("monthly"), hour=st.integers(0, 23), day=st.integers(1, 28)),
    st.sampled_from([Cadence(every="cron", cron=one) for one in ("0 * * * *", "5 */7 * * 1,3", "0 2,3 1-7 * *")]),
)


@given(CADENCES, st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)), st.sampled_from([BERLIN, NEW_YORK]))
def test_the_last_instant_and_the_next_one_are_neighbours(cadence: Cadence, moment: datetime, zone: ZoneInfo):
    moment = moment.replace(tzinfo=UTC)
    last, following = last_until(cadence, moment, zone), next_after(cadence, moment, zone)

    assert last is not None
    assert following is not None
    assert last <= moment < following
    assert next_after(cadence, last, zone) == following
    assert last_until(cadence, following - timedelta(microseconds=1), zone) == last


@given(CADENCES, st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)))
def test_instants_only_ever_go_on(cadence: Cadence, moment: datetime):
    found = times(cadence, moment.replace(tzinfo=UTC), BERLIN, 5)

    assert all(before < after for before, after in pairwise(found))
