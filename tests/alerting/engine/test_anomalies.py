import math

import msgspec
import numpy as np
import pytest

from alerting.engine.anomalies import AnomalyScore, AnomalyState, SeasonalAnomalies

STEP_S = 300
DAY = 288
PAGE = 0.75
"""A threshold at which noise alone hardly ever alarms."""


def daily(days: int, seed: int = 1, noise: float = 3.0) -> np.ndarray:
    """A working day of 80 between 20 at night, with some noise."""
    phase = np.arange(days * DAY) % DAY
    shape = np.where((phase > 100) & (phase < 200), 80.0, 20.0)
    return shape + np.random.default_rng(seed).normal(0, noise, days * DAY)


def scores(values: np.ndarray, detector: SeasonalAnomalies | None = None) -> list[AnomalyScore]:
    detector = detector or SeasonalAnomalies(STEP_S)
    return [detector.update(float(value)) for value in values]


def alarms(values: np.ndarray, threshold: float = PAGE) -> list[int]:
    return [at for at, found in enumerate(scores(values)) if found.score >= threshold]


def within(found: list[int], start: int, end: int) -> bool:
    return any(start <= at < end for at in found)


def test_a_day_that_stays_away_is_found_though_each_value_is_usual() -> None:
    values = daily(10)
    values[9 * DAY :] = 20 + np.random.default_rng(2).normal(0, 3, DAY)
    found = alarms(values)
    assert within(found, 9 * DAY + 100, 9 * DAY + 160)


def test_a_daily_rise_is_no_anomaly_once_a_few_days_are_known() -> None:
    assert not [at for at in alarms(daily(12)) if at > 3 * DAY]


def test_a_spike_and_a_level_are_found_at_once() -> None:
    noise = np.random.default_rng(3).normal(100, 5, 8 * DAY)
    spike = noise.copy()
    spike[6 * DAY] = 200
    assert within(alarms(spike), 6 * DAY, 6 * DAY + 1)
    level = noise.copy()
    level[6 * DAY :] += 30
    assert within(alarms(level, 0.5), 6 * DAY, 6 * DAY + 6)


def test_a_level_that_stays_is_news_once() -> None:
    values = np.random.default_rng(3).normal(100, 5, 10 * DAY)
    values[6 * DAY :] += 60
    assert len([at for at in alarms(values) if at >= 6 * DAY]) <= 4


def test_what_goes_on_keeps_lasting() -> None:
    values = np.random.default_rng(3).normal(100, 5, 8 * DAY)
    values[6 * DAY : 6 * DAY + 12] += 80
    found = scores(values)
    assert min(each.lasting for each in found[6 * DAY : 6 * DAY + 6]) > 0.5
    assert max(each.lasting for each in found[6 * DAY + 60 : 6 * DAY + 100]) < 0.3


def test_spikes_of_a_size_that_is_usual_become_usual() -> None:
    values = np.random.default_rng(4).normal(1, 0.05, 12 * DAY)
    for day in range(12):
        values[day * DAY + (day * 97) % DAY] = 2.0
    assert not [at for at in alarms(values) if at > 6 * DAY]
    values[-50] = 6.0
    assert alarms(values)[-1] == len(values) - 50


@pytest.mark.parametrize("value", [0.0, 45.1, -3e9])
def test_a_series_that_never_changes_never_alarms(value: float) -> None:
    assert {found.score for found in scores(np.full(3 * DAY, value))} == {0.0}


def test_a_tolerance_keeps_small_changes_of_a_still_series_quiet() -> None:
    values = np.zeros(4 * DAY)
    values[-10] = 0.001
    assert alarms(values)
    tolerant = SeasonalAnomalies(STEP_S, tolerance=0.01)
    assert max(found.score for found in scores(values, tolerant)) == 0


def test_steps_without_data_surprise_nobody_and_keep_the_time_of_the_day() -> None:
    values = daily(12)
    gaps = np.random.default_rng(5).random(len(values)) < 0.3
    values[gaps] = np.nan
    values[5 * DAY + 90 : 5 * DAY + 210] = np.nan
    found = scores(values)
    assert max(each.score for at, each in enumerate(found) if np.isnan(values[at])) == 0
    assert not [at for at, each in enumerate(found) if at > 3 * DAY and each.score >= PAGE]


def test_skipped_steps_are_the_same_as_steps_without_data() -> None:
    values = daily(6)
    one, other = SeasonalAnomalies(STEP_S), SeasonalAnomalies(STEP_S)
    scores(values[: 4 * DAY], one)
    scores(values[: 4 * DAY], other)
    scores(np.full(100, np.nan), one)
    other.skip(100)
    assert scores(values[4 * DAY + 100 :], one) == scores(values[4 * DAY + 100 :], other)
    assert one.seen_s == other.seen_s == 6 * 86_400


def test_a_gap_of_weeks_keeps_the_time_of_the_day() -> None:
    detector = SeasonalAnomalies(STEP_S)
    scores(daily(4), detector)
    detector.skip(40 * DAY)
    scores(daily(4), detector)
    assert detector.seen_s == 48 * 86_400


@pytest.mark.parametrize("cut", [0, 5, 150, 3 * DAY + 17])
def test_a_detector_goes_on_from_its_state(cut: int) -> None:
    values = daily(5)
    whole = SeasonalAnomalies(STEP_S)
    scores(values[:cut], whole)
    kept = msgspec.json.decode(msgspec.json.encode(whole.state()), type=AnomalyState)
    restored = SeasonalAnomalies(STEP_S, state=kept)
    for first, second in zip(scores(values[cut:], whole), scores(values[cut:], restored), strict=True):
        assert first.score == pytest.approx(second.score, abs=1e-6)
        assert first.expected == pytest.approx(second.expected, nan_ok=True)


def test_memory_does_not_grow_with_the_series() -> None:
    detector = SeasonalAnomalies(60)
    sizes = []
    for _ in range(3):
        scores(np.random.default_rng(1).normal(0, 1, 2000), detector)
        sizes.append(len(msgspec.msgpack.encode(detector.state())))
    assert max(sizes) < 20_000
    assert max(sizes) - min(sizes) < 100


def test_the_range_that_was_expected_holds_most_values() -> None:
    values = daily(8)
    found = scores(values)[5 * DAY :]
    inside = [each.low <= value <= each.high for each, value in zip(found, values[5 * DAY :], strict=True)]
    assert sum(inside) / len(inside) > 0.99
    assert all(each.low <= each.expected <= each.high for each in found)


def test_nothing_is_expected_before_anything_came() -> None:
    first = SeasonalAnomalies().update(math.nan)
    assert first.score == 0
    assert math.isnan(first.expected)


def test_a_state_of_another_step_is_refused() -> None:
    state = SeasonalAnomalies(300).state()
    with pytest.raises(ValueError, match="another step"):
        SeasonalAnomalies(60, state=state)


@pytest.mark.parametrize(("step_s", "days"), [(60, 4), (1800, 14), (3600, 21)])
def test_a_level_is_found_at_any_step(step_s: int, days: int) -> None:
    steps = days * 86_400 // step_s
    values = np.random.default_rng(1).normal(100, 5, steps)
    values[-steps // 8 :] += 60
    detector = SeasonalAnomalies(step_s)
    found = [at for at, each in enumerate(scores(values, detector)) if each.score >= 0.5]
    assert within(found, steps - steps // 8, steps - steps // 8 + 3)


@pytest.mark.parametrize(("patience_s", "found"), [(0, False), (6 * 3600, True)])
def test_an_accident_that_is_held_for_one_does_not_make_the_next_usual(patience_s: int, found: bool) -> None:
    values = np.random.default_rng(3).normal(100, 5, 9 * DAY)
    for day in (6, 7):
        values[day * DAY + 100 : day * DAY + 118] += 200
    lasting = [each.lasting for each in scores(values, SeasonalAnomalies(STEP_S, patience_s=patience_s))]
    assert (max(lasting[7 * DAY + 100 : 7 * DAY + 112]) >= PAGE) is found


def test_what_lasts_longer_than_the_patience_becomes_usual() -> None:
    values = np.random.default_rng(3).normal(100, 5, 9 * DAY)
    values[6 * DAY :] += 80
    lasting = [each.lasting for each in scores(values, SeasonalAnomalies(STEP_S, patience_s=6 * 3600))]
    assert min(lasting[6 * DAY : 6 * DAY + 60]) >= PAGE
    assert max(lasting[8 * DAY :]) < 0.5
