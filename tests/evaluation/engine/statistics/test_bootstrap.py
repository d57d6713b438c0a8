import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from evaluation.engine.statistics import paired_bootstrap


def coverage(draw: Callable[[np.random.Generator], np.ndarray], true: float, runs: int = 300) -> float:
    chance = np.random.default_rng(7)
    found = 0
    for run in range(runs):
        after = draw(chance)
        interval = paired_bootstrap(np.zeros(len(after)), after, resamples=500, seed=run)
        found += interval.low <= true <= interval.high
    return found / runs


def test_the_estimate_is_how_much_higher_the_second_is() -> None:
    interval = paired_bootstrap([0.1, 0.2, 0.4], [0.2, 0.5, 0.6], seed=1)
    assert interval.estimate == pytest.approx(0.2)
    assert interval.n == 3


def test_the_interval_of_scores_is_close_to_that_of_scipys_paired_t_test() -> None:
    chance = np.random.default_rng(3)
    before = chance.beta(8, 2, 120)
    after = np.clip(before + chance.normal(0.03, 0.1, 120), 0, 1)
    ours = paired_bootstrap(before, after, seed=1)
    theirs = stats.ttest_rel(after, before)
    low, high = theirs.confidence_interval()
    assert ours.low == pytest.approx(low, abs=0.002)
    assert ours.high == pytest.approx(high, abs=0.002)
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.01)


def test_the_interval_of_skewed_costs_is_close_to_that_of_scipys_bootstrap() -> None:
    differences = np.random.default_rng(5).lognormal(0, 1, 400)
    ours = paired_bootstrap(np.zeros(400), differences, seed=1)
    theirs = stats.bootstrap((differences,), np.mean, method="BCa", random_state=1).confidence_interval
    assert ours.low == pytest.approx(theirs.low, rel=0.02)
    assert ours.high == pytest.approx(theirs.high, rel=0.04)


@pytest.mark.parametrize(
    ("name", "draw", "true"),
    [
        ("normal", lambda chance: chance.normal(0.3, 1, 20), 0.3),
        ("skewed", lambda chance: chance.lognormal(0, 0.5, 50), math.exp(0.125)),
        ("rarely different", lambda chance: chance.choice([-1.0, 0, 1], 20, p=[0.05, 0.85, 0.1]), 0.05),
        ("only ever better", lambda chance: chance.choice([0.0, 1], 50, p=[0.97, 0.03]), 0.03),
    ],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    name: str, draw: Callable[[np.random.Generator], np.ndarray], true: float
) -> None:
    assert coverage(draw, true) >= 0.92


def test_ten_equal_answers_do_not_prove_that_nothing_changes() -> None:
    interval = paired_bootstrap([1.0] * 10, [1.0] * 10, seed=1)
    assert interval.estimate == 0
    assert interval.low < -0.1
    assert interval.high > 0.1
    assert interval.p == 1


def test_the_p_value_is_below_five_percent_where_the_interval_leaves_out_zero() -> None:
    chance = np.random.default_rng(11)
    for run in range(40):
        interval = paired_bootstrap(np.zeros(30), chance.normal(0.35, 1, 30), resamples=1000, seed=run)
        if abs(interval.p - 0.05) > 0.004:
            assert (interval.p < 0.05) == (interval.low > 0 or interval.high < 0)


def test_an_item_that_one_variant_has_no_score_for_is_left_out() -> None:
    with_gaps = paired_bootstrap([1, None, 0.5, math.nan, 0.2], [0.9, 1, None, 1, 0.4], seed=1)
    assert with_gaps.n == 2
    assert with_gaps == paired_bootstrap([1, 0.2], [0.9, 0.4], seed=1)


@pytest.mark.parametrize(("values", "n"), [([], 0), ([0.5], 1)])
def test_one_pair_or_none_says_nothing(values: list[float], n: int) -> None:
    interval = paired_bootstrap(values, values, seed=1)
    assert (interval.low, interval.high, interval.n, interval.p) == (-math.inf, math.inf, n, 1)


def test_equal_seeds_give_equal_intervals() -> None:
    before, after = np.random.default_rng(1).random((2, 50))
    assert paired_bootstrap(before, after, seed=4) == paired_bootstrap(before, after, seed=4)
    assert paired_bootstrap(before, after, seed=4) != paired_bootstrap(before, after, seed=5)


def test_large_numbers_with_small_differences_keep_their_digits() -> None:
    differences = np.random.default_rng(2).normal(1, 1, 200)
    small = paired_bootstrap(np.zeros(200), differences, seed=1)
    large = paired_bootstrap(np.full(200, 1e9), 1e9 + differences, seed=1)
    assert large.low == pytest.approx(small.low, abs=1e-5)


def test_sequences_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="equal length"):
        paired_bootstrap([1, 2], [1], seed=1)
