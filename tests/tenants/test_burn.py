"""Forecasts and burn-down lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contracts.budgets import Period
from events.ledger.rhythm import EVEN
from tenants.burn import Course, burn_down, length_words

HOUR = 3_600_000
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000)
DAY = Period(START, START + 24 * HOUR)
BY_DAY = tuple(2.0 if 6 <= hour < 18 else 0.0 for hour in range(24))


def test_an_even_day_is_foretold_by_the_time_that_passed():
    assert Course(DAY, "UTC", EVEN).forecast(25, START + 6 * HOUR) == 100


def test_the_rhythm_of_the_day_is_taken_into_account():
    course = Course(DAY, "UTC", BY_DAY)

    assert course.forecast(50, START + 12 * HOUR) == 100
    assert course.forecast(50, START + 9 * HOUR) == 200
    assert course.forecast(50, START + 20 * HOUR) == 50


def test_the_rhythm_is_that_of_the_tenants_clock():
    # 12:00 in Tokyo is 03:00 UTC.
    assert Course(DAY, "Asia/Tokyo", BY_DAY).elapsed(START + 3 * HOUR) == pytest.approx(0.25)


def test_early_in_the_window_nothing_is_foretold():
    course = Course(DAY, "UTC", EVEN)

    assert course.forecast(25, START + 60_000) is None
    assert course.exhausted_ms(25, 30, START + 60_000) is None


def test_when_the_money_runs_out_is_found():
    course = Course(DAY, "UTC", EVEN)

    at = course.exhausted_ms(50, 75, START + 12 * HOUR)

    assert at == pytest.approx(START + 18 * HOUR, abs=60_000)
    assert course.exhausted_ms(50, 100, START + 12 * HOUR) is None
    assert course.exhausted_ms(80, 75, START + 12 * HOUR) is None


def test_the_lines_of_a_burn_down_meet_now():
    now = START + 12 * HOUR
    spent_by = [(START + 6 * HOUR, 20), (now, 40)]

    lines = burn_down(Course(DAY, "UTC", EVEN), 100, spent_by, 60, now)

    at = [int(moment.timestamp() * 1000) for moment in lines.times]
    assert (lines.left[0], lines.left[at.index(START + 6 * HOUR)], lines.left[at.index(now)]) == (100, 80, 40)
    assert lines.left[-1] is None
    assert (lines.ideal[0], lines.ideal[-1]) == (100, 0)
    assert (lines.foretold[at.index(now)], lines.foretold[-1]) == (40, -20)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=9, hours=3), "9 days"),
        (timedelta(hours=1, minutes=59), "1 hour"),
        (timedelta(minutes=12), "12 minutes"),
        (timedelta(seconds=3), "less than a minute"),
    ],
)
def test_lengths_are_put_in_words(length, words):
    assert length_words(length) == words
