import math

import pytest
from scipy import stats

from evaluation.engine.statistics import detectable_effect, sample_size
from evaluation.engine.statistics.students_t import t_quantile


def power(n: int, effect: float, sd: float, alpha: float, sides: int) -> float:
    """Of a paired t test, exactly, by the non-central t distribution."""
    away = effect / sd * math.sqrt(n)
    least = stats.t.ppf(1 - alpha / sides, n - 1)
    return float(stats.nct.sf(least, n - 1, away))


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(("effect", "sd"), [(0.02, 0.1), (0.05, 0.4), (0.1, 0.1), (5, 30)])
@pytest.mark.parametrize("wanted", [0.8, 0.9])
def test_the_sample_size_gives_the_power_that_scipy_computes(
    effect: float, sd: float, wanted: float, sides: int
) -> None:
    n = sample_size(effect, sd, power=wanted, sides=sides)
    assert power(n, effect, sd, 0.05, sides) >= wanted - 0.004
    assert power(n - 2, effect, sd, 0.05, sides) < wanted


def test_two_points_at_a_deviation_of_ten_need_199_pairs() -> None:
    # (1.96 + 0.8416)² × 25 = 196.2; the t distribution adds 1.96² / 2 = 1.9.
    assert sample_size(0.02, 0.1) == 199


def test_what_a_number_of_pairs_shows_is_the_other_way_round() -> None:
    for n in (20, 100, 1000):
        assert sample_size(detectable_effect(n, 0.3), 0.3) == n


def test_one_pair_shows_nothing() -> None:
    assert detectable_effect(1, 0.3) == math.inf


@pytest.mark.parametrize(("effect", "sd"), [(0, 1), (1, -1)])
def test_what_cannot_be_computed_is_refused(effect: float, sd: float) -> None:
    with pytest.raises(ValueError, match="effect other than 0"):
        sample_size(effect, sd)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.975, 0.9995])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 1000])
def test_quantiles_of_t_are_scipys(share: float, freedom: int) -> None:
    assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-5, abs=1e-12)
