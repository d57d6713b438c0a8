from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from controlplane.demo.rhythm import arrivals

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
WEEK = timedelta(days=7)


def of(rhythm: str, zone: str, seed: int = 1, growth: float = 1.0) -> list[datetime]:
    found = arrivals(
        Random(seed), rhythm=rhythm, time_zone=zone, start=START, until=START + WEEK, count=7_000, growth=growth
    )
    assert found == sorted(found)
    return [datetime.fromtimestamp(at / 1000, ZoneInfo(zone)) for at in found]


def test_offices_work_by_day_in_their_own_time_zone_and_rest_at_weekends():
    for zone in ("Europe/Berlin", "Australia/Sydney"):
        calls = of("office", zone)
        assert sum(8 <= at.hour < 18 for at in calls) > 0.75 * len(calls)
        assert sum(at.weekday() >= 5 for at in calls) < 0.06 * len(calls)


def test_traffic_grows_from_the_first_day_to_the_last():
    calls = of("always", "UTC", growth=3.0)
    monday, friday = (sum(at.weekday() == day for at in calls) for day in (0, 4))
    assert friday > 1.5 * monday


def test_the_same_seed_gives_the_same_calls_and_another_one_others():
    assert of("shop", "America/New_York") == of("shop", "America/New_York")
    assert of("shop", "America/New_York") != of("shop", "America/New_York", seed=2)


def test_no_call_lies_outside_of_the_story():
    calls = of("evening", "Asia/Kolkata")
    assert START <= calls[0] <= calls[-1] < START + WEEK
