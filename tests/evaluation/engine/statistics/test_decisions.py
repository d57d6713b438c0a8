import numpy as np
import pytest
from scipy import stats

from evaluation.engine.statistics import Interval, Verdict, benjamini_hochberg, decide, not_worse, share_interval


def interval(low: float, high: float) -> Interval:
    return Interval(estimate=(low + high) / 2, low=low, high=high, n=100, p=0.5)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.01, 0.03, Verdict.PASS),
        (-0.02, 0.0, Verdict.PASS),
        (-0.03, 0.01, Verdict.UNDECIDED),
        (-0.05, -0.01, Verdict.UNDECIDED),
        (-0.09, -0.03, Verdict.FAIL),
    ],
)
def test_a_candidate_may_lose_up_to_the_margin(low: float, high: float, verdict: Verdict) -> None:
    assert decide(interval(low, high), 0.02) is verdict
    assert decide(interval(-high, -low), 0.02, higher_is_better=False) is verdict


def test_one_pair_decides_nothing() -> None:
    assert not_worse([0.5], [0.1], margin=0.02, seed=1).verdict is Verdict.UNDECIDED


def test_a_drop_of_ten_points_fails_a_margin_of_two() -> None:
    chance = np.random.default_rng(1)
    before = chance.beta(8, 2, 200)
    decision = not_worse(before, before - 0.1 + chance.normal(0, 0.1, 200), margin=0.02, seed=1)
    assert decision.verdict is Verdict.FAIL
    assert decision.interval.estimate == pytest.approx(-0.1, abs=0.03)


def test_latency_fails_when_it_grows() -> None:
    chance = np.random.default_rng(1)
    before = chance.lognormal(6, 0.3, 200)
    assert not_worse(before, before * 1.5, margin=50, higher_is_better=False, seed=1).verdict is Verdict.FAIL
    assert not_worse(before, before * 0.5, margin=50, higher_is_better=False, seed=1).verdict is Verdict.PASS


def test_noise_hardly_ever_fails_and_passes_with_the_pairs_it_asks_for() -> None:
    chance = np.random.default_rng(2)
    verdicts = []
    for run in range(100):
        before = chance.beta(8, 2, 160)
        decision = not_worse(before, before + chance.normal(0, 0.1, 160), margin=0.02, resamples=1000, seed=run)
        verdicts.append(decision.verdict)
    assert verdicts.count(Verdict.FAIL) == 0
    assert decision.needed == pytest.approx(156, abs=25)
    assert verdicts.count(Verdict.PASS) > 70


def test_at_no_margin_noise_fails_as_often_as_the_confidence_leaves_room_for() -> None:
    chance = np.random.default_rng(3)
    failed = 0
    for run in range(200):
        before, after = chance.random((2, 60))
        failed += not_worse(before, after, margin=0, resamples=1000, seed=run).verdict is Verdict.FAIL
    assert failed / 200 <= 0.09


@pytest.mark.parametrize(("margin", "confidence"), [(-1, 0.95), (0, 0.4)])
def test_a_gate_that_makes_no_sense_is_refused(margin: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        not_worse([1, 2], [1, 2], margin=margin, confidence=confidence, seed=1)


def test_p_values_are_corrected_as_scipy_corrects_them() -> None:
    p_values = np.random.default_rng(1).random(50) ** 3
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


def test_what_was_not_tested_does_not_count() -> None:
    assert benjamini_hochberg([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert len(benjamini_hochberg([])) == 0


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (450, 1000)])
def test_the_interval_of_a_share_is_scipys(hits: int, n: int) -> None:
    theirs = stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")
    assert share_interval(hits, n, confidence=0.9) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_share_of_nothing_can_be_anything() -> None:
    assert share_interval(0, 0) == (0, 1)
