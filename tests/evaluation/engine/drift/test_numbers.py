import numpy as np
import pytest
from scipy import stats

from evaluation.engine.drift import chi_square, ks, psi
from evaluation.engine.drift.numbers import index_of


@pytest.mark.parametrize(("n", "m", "by"), [(200, 150, 0.0), (200, 150, 0.2), (60, 1000, 0.3), (40, 40, 0.5)])
def test_ks_is_scipys(n: int, m: int, by: float) -> None:
    chance = np.random.default_rng(n)
    before, after = chance.normal(0, 1, n), chance.normal(by, 1, m)
    ours, theirs = ks(before, after), stats.ks_2samp(before, after, method="exact")
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.02)


@pytest.mark.parametrize("test", [ks, psi])
@pytest.mark.parametrize(("n", "m"), [(100, 100), (1000, 60)])
def test_numbers_without_drift_are_found_to_drift_no_more_than_five_times_in_a_hundred(test, n: int, m: int) -> None:
    chance = np.random.default_rng(1)
    hits = sum(test(chance.lognormal(0, 1, n), chance.lognormal(0, 1, m)).p < 0.05 for _ in range(300))
    assert hits / 300 <= 0.085


def test_a_fifth_more_latency_is_found_by_both() -> None:
    chance = np.random.default_rng(2)
    before, after = chance.lognormal(6, 0.4, 1000), chance.lognormal(6, 0.4, 1000) * 1.2
    assert ks(before, after).p < 1e-6
    assert psi(before, after).p < 1e-6


def test_the_stability_index_of_a_worked_example() -> None:
    # Shares 0.5/0.5 to 0.6/0.4: 0.1 × ln 1.2 - 0.1 × ln 0.8 = 0.0405.
    assert index_of(np.array([5e6, 5e6]), np.array([6e6, 4e6])) == pytest.approx(0.040547, abs=1e-5)


def test_values_that_are_all_the_same_do_not_drift() -> None:
    same = np.full(100, 3.0)
    assert psi(same, same).p == ks(same, same).p == 1


def test_gaps_are_no_data_and_too_few_values_are_not_tested() -> None:
    values = np.concatenate((np.arange(15.0), np.full(100, np.nan)))
    for test in (ks, psi):
        found = test(values, np.arange(100.0))
        assert np.isnan(found.p)
        assert found.reference == 15


def test_labels_are_tested_as_scipy_tests_them() -> None:
    before, after = {"en": 500, "de": 300, "fr": 200}, {"en": 250, "de": 120, "fr": 130}
    theirs = stats.chi2_contingency(np.array([list(before.values()), list(after.values())]), correction=False)
    ours = chi_square(before, after)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.statistic == pytest.approx((theirs.statistic / 1500) ** 0.5)


def test_a_label_that_is_new_is_found_and_rare_ones_are_taken_together() -> None:
    usual = ["a"] * 300 + ["b"] * 200
    assert chi_square(usual, usual + ["new"] * 100).p < 1e-6
    rare = [f"rare {number}" for number in range(30)]
    assert chi_square(usual + rare, usual + [f"other {name}" for name in rare]).p > 0.5


def test_one_label_only_does_not_drift() -> None:
    assert chi_square(["ok"] * 50, ["ok"] * 70).p == 1
    assert np.isnan(chi_square(["ok"], ["ok"] * 70).p)
