"""Shares that have moved: told as soon as there are enough calls, and not before."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from alerting.engine.moved_shares import MovedShare, MovedState
from alerting.engine.watching import EVIDENCE

DAY = 1440
LIMIT = EVIDENCE["medium"]


def shares(**given: Any) -> MovedShare:
    return MovedShare(**{"above": True, "below": True, "limit": LIMIT, "patience": 360, "yes_or_no": True, **given})


def feed(share: MovedShare, sums: np.ndarray, calls: np.ndarray) -> list[float]:
    return [share.update(float(summed), float(of)) for summed, of in zip(sums, calls, strict=True)]


def after(minutes: int, usual: float, *, calls: int = 100, seed: int = 1, **given: Any) -> MovedShare:
    """One that knows some minutes of right-or-wrong calls."""
    share = shares(**given)
    of = np.full(minutes, calls)
    feed(share, np.random.default_rng(seed).binomial(calls, usual, minutes), of)
    return share


def scores(share: MovedShare, minutes: int, mean: float, a_minute: float, spread: float, seed: int) -> list[float]:
    chance = np.random.default_rng(seed)
    of = chance.poisson(a_minute, minutes)
    sums = [float(np.clip(chance.normal(mean, spread, count), 0, 1).sum()) for count in of]
    return feed(share, np.array(sums), of)


def told(found: list[float]) -> int | None:
    """Minutes until it is told."""
    return next((place + 1 for place, nats in enumerate(found) if nats >= LIMIT), None)


def test_a_night_s_few_bad_scores_are_told_after_as_many_scores_as_a_day_s():
    by_night, by_day = shares(yes_or_no=False), shares(yes_or_no=False)
    for share, a_minute in ((by_night, 2), (by_day, 20)):
        scores(share, 3 * DAY, 0.85, a_minute, 0.15, seed=3)

    late = told(scores(by_night, 30, 0.45, 2, 0.15, seed=4))
    soon = told(scores(by_day, 30, 0.45, 20, 0.15, seed=4))

    assert late is not None
    assert soon is not None
    assert soon < late <= 7


def test_scores_that_lie_close_together_say_more_than_answers_that_are_right_or_wrong():
    close, wide = shares(yes_or_no=False), after(3 * DAY, 0.85, calls=4)
    scores(close, 3 * DAY, 0.85, 4, 0.1, seed=5)
    chance = np.random.default_rng(6)

    of_close = told(scores(close, 40, 0.6, 4, 0.1, seed=6))
    of_wide = told(feed(wide, chance.binomial(4, 0.6, 40), np.full(40, 4)))

    assert of_close is not None
    assert of_wide is None or of_wide > 2 * of_close


@pytest.mark.parametrize(("bad", "calls"), [(10, 20), (30, 60), (12, 200)])
def test_what_it_says_is_a_bound_on_what_chance_would_make_of_it(bad: int, calls: int):
    share = after(3 * DAY, 0.01)
    _, bound = share.usual()
    share.update(0, 0)
    nats = share.update(bad, calls)
    # The stretch has the minutes before as well, which say that nothing was wrong: of two it is this one alone.
    by_chance = -stats.binom.logsf(bad - 1, calls, bound)

    assert nats > 0
    # Chernoff's bound is above the probability, and not by much.
    assert 0.6 * by_chance < nats <= by_chance * 1.02


def test_few_calls_are_nothing_however_bad():
    share = after(3 * DAY, 0.01)
    feed(share, np.zeros(60), np.zeros(60))

    assert share.update(4, 4) == 0.0


def test_what_is_over_is_not_told():
    share = after(3 * DAY, 0.01, tolerance=0.02)
    found = feed(share, np.array([60, 1, 1, 2, 0, 1]), np.full(6, 100))

    assert found[0] >= LIMIT
    assert found[1:] == [0.0] * 5


def test_within_the_tolerance_nothing_is_told():
    share = after(3 * DAY, 0.01, calls=10_000, tolerance=0.02)

    assert feed(share, np.full(30, 280), np.full(30, 10_000)) == [0.0] * 30
    assert told(feed(share, np.full(30, 500), np.full(30, 10_000))) is not None


@pytest.mark.parametrize(("above", "below"), [(True, False), (False, True)])
def test_only_the_chosen_side_is_told(above: bool, below: bool):
    share = after(3 * DAY, 0.5, above=above, below=below)
    up = told(feed(share, np.full(3, 90), np.full(3, 100)))
    share = after(3 * DAY, 0.5, above=above, below=below)
    down = told(feed(share, np.full(3, 10), np.full(3, 100)))

    assert (up is not None, down is not None) == (above, below)


def test_errors_that_come_in_bursts_are_as_usual_where_they_always_did():
    chance = np.random.default_rng(7)
    rates = np.where(chance.random(6 * DAY) < 0.02, 0.25, 0.005)
    share = shares(tolerance=0.02)
    found = feed(share, chance.binomial(60, rates), np.full(6 * DAY, 60))
    single = after(6 * DAY, 0.0099, calls=60, tolerance=0.02)

    assert max(found[DAY:]) < LIMIT
    assert single.update(20, 60) >= LIMIT


def test_days_that_differ_are_no_news():
    chance = np.random.default_rng(8)
    share = shares()
    by_day = chance.normal(0.7, 0.05, 20)
    found = [feed(share, chance.binomial(200, rate, DAY), np.full(DAY, 200)) for rate in by_day]

    assert sum(max(day) >= LIMIT for day in found[10:]) <= 1
    steady = after(20 * DAY, 0.7, calls=200)
    assert told(feed(steady, chance.binomial(200, 0.62, 30), np.full(30, 200))) is not None


@pytest.mark.parametrize("usual", [0.001, 0.02, 0.5, 0.97])
def test_chance_alone_is_hardly_ever_told(usual: float):
    """Twelve days of each."""
    chance = np.random.default_rng(9)
    calls = chance.poisson(8, 12 * DAY)
    share = shares()

    assert max(feed(share, chance.binomial(calls, usual), calls)) < LIMIT


def test_scores_that_were_always_full_do_not_make_one_that_is_not_a_loss():
    share = shares(yes_or_no=False)
    feed(share, np.full(3 * DAY, 5.0), np.full(3 * DAY, 5))

    assert max(feed(share, np.array([4.0, 5, 5, 4]), np.full(4, 5))) < LIMIT
    assert told(feed(share, np.full(5, 2.0), np.full(5, 5))) is not None


def test_what_stays_becomes_usual_and_what_does_not_leaves_no_trace():
    share = after(3 * DAY, 0.02, patience=60)
    share.update(2, 100)
    before = share.usual()
    short = feed(share, np.full(30, 40), np.full(30, 100))
    assert told(short) == 1
    assert share.usual() == before
    feed(share, np.full(12, 2), np.full(12, 100))
    assert share.usual() == pytest.approx(before, abs=1e-3)

    chance = np.random.default_rng(10)
    long = feed(share, chance.binomial(100, 0.4, DAY), np.full(DAY, 100))
    assert long[30] >= LIMIT
    assert max(long[-60:]) < LIMIT


def test_it_goes_on_where_its_state_was_taken():
    chance = np.random.default_rng(11)
    sums, calls = chance.binomial(50, 0.05, 3 * DAY), np.full(3 * DAY, 50)
    sums[-20:] = 25
    whole = feed(shares(), sums, calls)
    one = shares()
    first = feed(one, sums[:2500], calls[:2500])
    kept = msgspec.msgpack.encode(one.state())
    other = shares(state=msgspec.msgpack.decode(kept, type=MovedState))

    assert len(kept) < 3_000
    assert first + feed(other, sums[2500:], calls[2500:]) == whole


def test_minutes_that_nobody_has_any_more_keep_the_time_of_the_day():
    share = shares()
    rates = np.tile(np.repeat([0.05, 0.6], DAY // 2), 3)
    chance = np.random.default_rng(12)
    feed(share, chance.binomial(100, rates), np.full(3 * DAY, 100))
    share.skip(DAY // 2 + 120)

    low, high = share.usual()
    assert not math.isnan(low)
    assert high > 0.6
    assert max(feed(share, chance.binomial(100, 0.6, 60), np.full(60, 100))) < LIMIT


def test_nobody_knows_what_is_usual_on_the_first_day():
    share = shares()

    assert math.isnan(share.usual()[0])
    assert share.state() is None
    assert set(feed(share, np.r_[np.zeros(60), np.full(60, 50)], np.full(120, 100))) == {0.0}
