import numpy as np
import pytest

from evaluation.engine.drift import Question, changes, findings, ks, same_hours
from evaluation.engine.drift.windows import DAY_S, WEEK_S

HOUR_S = 3600


def question(by: float, seed: int, least: float = 0.0) -> Question:
    chance = np.random.default_rng(seed)
    before, after = chance.normal(0, 1, 300), chance.normal(by, 1, 300)
    return Question("latency", f"route:{seed}", lambda: ks(before, after), least)


def test_of_many_quiet_segments_none_drifts_and_the_loud_one_comes_first() -> None:
    answers = findings([question(0, seed) for seed in range(40)] + [question(0.6, 99)], false_discoveries=0.01)
    assert [answer.segment for answer in answers if answer.drifted] == ["route:99"]
    assert answers[0].segment == "route:99"
    assert answers[0].q < 1e-4


def test_a_drift_too_small_to_matter_is_no_finding() -> None:
    assert not findings([question(0.6, 99, least=0.9)])[0].drifted


def test_what_could_not_be_tested_comes_last_and_costs_nothing() -> None:
    few = Question("latency", "few", lambda: ks(np.arange(3.0), np.arange(3.0)))
    answers = findings([few, question(0.6, 99)])
    assert answers[-1].segment == "few"
    assert not answers[-1].drifted
    assert answers[0].q == answers[0].tested.p


def test_the_reference_is_the_same_hours_of_the_days_before() -> None:
    times = np.arange(0, 10 * DAY_S, HOUR_S, dtype=float)
    start = 9 * DAY_S + 8 * HOUR_S
    chosen = times[same_hours(times, start=start, end=start + 2 * HOUR_S, days=3)]
    assert [(time // DAY_S, time % DAY_S / HOUR_S) for time in chosen] == [
        (day, hour) for day in (6, 7, 8) for hour in (8, 9)
    ]


def test_slack_widens_each_day_but_never_takes_from_the_window_itself() -> None:
    times = np.arange(0, 3 * DAY_S, HOUR_S, dtype=float)
    start = 2 * DAY_S + 8 * HOUR_S
    chosen = times[same_hours(times, start=start, end=start + HOUR_S, days=1, slack_s=2 * HOUR_S)]
    # Of today, the two hours before the window; of yesterday, two on either side.
    assert (chosen < start).all()
    assert sorted(set(chosen[chosen < 2 * DAY_S] % DAY_S / HOUR_S)) == [6, 7, 8, 9, 10]


def test_a_weekly_reference_takes_the_same_weekday() -> None:
    times = np.arange(0, 4 * WEEK_S, HOUR_S, dtype=float)
    start = 3 * WEEK_S + 2 * DAY_S
    chosen = times[same_hours(times, start=start, end=start + HOUR_S, days=2, weekly=True)]
    assert chosen.tolist() == [start - 2 * WEEK_S, start - WEEK_S]


def test_a_window_of_more_than_a_day_takes_all_before_it() -> None:
    times = np.arange(0, 10 * DAY_S, HOUR_S, dtype=float)
    chosen = times[same_hours(times, start=9 * DAY_S, end=11 * DAY_S, days=7)]
    assert len(chosen) == 7 * 24


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends after"):
        same_hours(np.arange(3.0), start=5, end=5)


def test_changes_of_the_level_are_found_where_they_are() -> None:
    chance = np.random.default_rng(1)
    values = np.concatenate([chance.normal(level, 1, 120) for level in (10, 13, 9)])
    found = changes(values)
    assert [change.at for change in found] == pytest.approx([120, 240], abs=2)
    assert found[0].before == pytest.approx(10, abs=0.4)
    assert found[0].after == pytest.approx(13, abs=0.4)
    assert found[0].size == pytest.approx(3, abs=0.8)


def test_noise_and_spikes_are_no_change() -> None:
    found = 0
    for seed in range(30):
        values = np.random.default_rng(seed).normal(0, 1, 300)
        values[150] = 40
        found += bool(changes(values))
    assert found <= 2


def test_gaps_keep_the_places_of_changes() -> None:
    values = np.concatenate((np.random.default_rng(2).normal(0, 1, 200), np.random.default_rng(3).normal(5, 1, 200)))
    values[50:150] = np.nan
    assert [change.at for change in changes(values)] == pytest.approx([200], abs=2)


def test_a_long_series_is_looked_at_in_means() -> None:
    chance = np.random.default_rng(1)
    values = np.concatenate((chance.normal(0, 1, 6007), chance.normal(2, 1, 4000)))
    assert [change.at for change in changes(values)] == pytest.approx([6007], abs=12)


def test_a_series_without_noise_or_with_too_few_steps() -> None:
    assert changes(np.full(100, 4.2)) == []
    assert changes(np.arange(5.0)) == []
    assert [change.at for change in changes(np.repeat([1.0, 2.0], 50))] == [50]
