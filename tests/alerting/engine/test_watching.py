"""Three of five minutes out of the usual, whatever is usual at this time."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from alerting.engine.signals import SIGNALS
from alerting.engine.tolerances import default_tolerance, is_absolute
from alerting.engine.verdicts import Verdict
from alerting.engine.watching import LEARNS_FOR_S, THRESHOLDS, Watch, Watching, WatchState

DAY = 1440


def usual(minutes: int, seed: int = 1) -> np.ndarray:
    """Errors of about a hundred calls a minute."""
    return np.random.default_rng(seed).binomial(100, 0.01, minutes) / 100


def test_it_says_nothing_on_its_first_day_and_finds_what_comes_after():
    values = usual(2 * DAY)
    values[DAY // 2 : DAY // 2 + 30] = 0.4
    values[-20:] = 0.4
    found = Watch(Watching(tolerance=0.02)).follow(values).verdicts

    assert LEARNS_FOR_S == DAY * 60
    assert set(found[: DAY - 1]) == {Verdict.UNKNOWN}
    assert Verdict.BREACH not in found[DAY : 2 * DAY - 20]
    assert found[2 * DAY - 20 + 2] == Verdict.BREACH
    assert Verdict.BREACH not in found[2 * DAY - 20 : 2 * DAY - 20 + 2]


def test_two_minutes_alone_are_no_matter():
    values = usual(2 * DAY)
    values[-10:-8] = 0.5

    assert Verdict.BREACH not in Watch(Watching(tolerance=0.02)).follow(values).verdicts


def test_of_a_share_that_leaves_nothing_to_chance_one_minute_is_enough():
    values = usual(2 * DAY)
    values[-5:] = 0.4
    found = Watch(Watching(tolerance=0.02)).follow(values, [(value * 100, 100.0) for value in values])

    assert Verdict.BREACH not in found.verdicts[:-5]
    assert set(found.verdicts[-5:]) == {Verdict.BREACH}
    assert found.high[-5] < 0.1


def test_a_bad_share_that_was_learned_by_nobody_is_told_the_next_day_as_well():
    values = usual(3 * DAY)
    values[-DAY - 60 : -DAY] = values[-5:] = 0.12
    found = Watch(Watching(tolerance=0.02)).follow(values, [(value * 100, 100.0) for value in values])

    assert Verdict.BREACH in found.verdicts[-DAY - 60 : -DAY - 55]
    assert Verdict.BREACH in found.verdicts[-5:]


@pytest.mark.parametrize(("above", "below", "bad"), [(True, False, 0.9), (False, True, 0.1), (True, True, 0.1)])
def test_only_the_chosen_side_is_bad(above: bool, below: bool, bad: float):
    values = 0.5 + np.random.default_rng(2).normal(0, 0.02, 2 * DAY)
    one, other = values.copy(), values.copy()
    one[-10:] = bad
    other[-10:] = 1 - bad
    how = Watching(above=above, below=below)

    assert Watch(how).follow(one).verdicts[-1] == Verdict.BREACH
    on_the_other_side = Watch(how).follow(other).verdicts
    assert (Verdict.BREACH in on_the_other_side) == (above and below)


def test_what_is_tolerated_is_no_news_however_quiet_it_was():
    values = np.full(2 * DAY, 0.01)
    values[-10:] = 0.025

    assert Watch(Watching()).follow(values).verdicts[-1] == Verdict.BREACH
    assert Verdict.BREACH not in Watch(Watching(tolerance=0.02)).follow(values).verdicts
    assert Verdict.BREACH not in Watch(Watching(relative=2.0)).follow(values).verdicts


def test_it_goes_on_where_its_state_was_taken():
    values = usual(2 * DAY)
    values[-30:] = 0.2
    minutes = [(float(value) * 100, 100.0) for value in values]
    values[100:160] = math.nan
    how = Watching(tolerance=0.02)
    whole = Watch(how).follow(values, minutes)

    one = Watch(how)
    first = one.follow(values[:2000], minutes[:2000])
    kept = msgspec.msgpack.encode(one.state())
    other = Watch(how, msgspec.msgpack.decode(kept, type=WatchState)).follow(values[2000:], minutes[2000:])

    assert len(kept) <= 20_000
    np.testing.assert_array_equal(np.concatenate((first.verdicts, other.verdicts)), whole.verdicts)
    np.testing.assert_allclose(np.concatenate((first.high, other.high)), whole.high)


def test_it_begins_with_the_first_data():
    watch = Watch(Watching())
    watch.follow([math.nan] * 3 * DAY)
    assert watch.state() is None
    assert not watch.knows

    assert Verdict.BREACH not in watch.follow([*usual(100), *[0.9] * 10]).verdicts


def test_minutes_that_nobody_has_any_more_keep_the_time_of_the_day():
    night_and_day = np.concatenate([np.full(DAY // 2, 10.0), np.full(DAY // 2, 100.0)])
    noise = np.random.default_rng(3).normal(0, 1, 3 * DAY)
    watch = Watch(Watching(below=True))
    watch.follow(np.tile(night_and_day, 3) + noise)
    watch.skip(DAY // 2)

    assert Verdict.BREACH not in watch.follow(np.full(60, 100.0) + noise[:60]).verdicts


def test_every_signal_has_a_tolerance():
    assert all(0 < default_tolerance(signal) < 1 for signal in SIGNALS.values())
    assert is_absolute(SIGNALS["error_rate"])
    assert not is_absolute(SIGNALS["latency_p95"])
    assert THRESHOLDS["high"] < THRESHOLDS["medium"] < THRESHOLDS["low"]
