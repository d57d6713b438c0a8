"""The benchmark's scoring against figures worked out by hand from its definition."""

import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from bench.detectors.nab import FALSE_ALARM, Labelled, best_threshold, corpus, raw_score, rows, score

START = datetime(2014, 2, 14)


def labelled(windows: list[tuple[int, int]], length: int = 1000) -> Labelled:
    times = [START + timedelta(minutes=5 * at) for at in range(length)]
    return Labelled("g__a.csv", "g", times, np.zeros(length), windows)


def detections(*at: int, length: int = 1000) -> np.ndarray:
    scores = np.zeros(length)
    scores[list(at)] = 1.0
    return scores


def sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def test_the_first_row_of_each_window_and_nothing_else_is_perfect() -> None:
    found = rows([labelled([(300, 399), (700, 799)])], [detections(300, 700)])
    assert score(found, 0.5) == pytest.approx(100)
    threshold, best = best_threshold(found)
    assert threshold == 1
    assert best == pytest.approx(100)


def test_silence_scores_nothing() -> None:
    found = rows([labelled([(300, 399)])], [detections()])
    assert score(found, 0.5) == pytest.approx(0)


def test_the_middle_of_a_window_is_worth_what_the_sigmoid_says() -> None:
    # Row 350 of 300..399: (399 - 350 + 1) / 100 before the end.
    found = rows([labelled([(300, 399)])], [detections(350)])
    assert raw_score(found, 0.5) == pytest.approx(sigmoid(-0.5) / sigmoid(-1))


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    once = rows([labelled([(300, 399)])], [detections(320)])
    often = rows([labelled([(300, 399)])], [detections(320, 321, 390)])
    assert raw_score(often, 0.5) == raw_score(once, 0.5)


def test_a_false_alarm_costs_more_the_farther_it_is_behind_a_window() -> None:
    for at, position in ((400, 1 / 99), (449, 50 / 99), (900, 3.0)):
        found = rows([labelled([(300, 399)])], [detections(300, at)])
        cost = sigmoid(position) if position < 3 else -1.0
        assert raw_score(found, 0.5) == pytest.approx(1 + FALSE_ALARM * cost)


def test_a_false_alarm_before_any_window_costs_its_full_weight() -> None:
    found = rows([labelled([(300, 399)])], [detections(200)])
    assert raw_score(found, 0.5) == pytest.approx(-1 - 0.11)


def test_the_first_fifteen_percent_do_not_count() -> None:
    found = rows([labelled([(300, 399)])], [detections(0, 149, 300)])
    assert score(found, 0.5) == pytest.approx(100)
    assert labelled([], length=10_000).probation == 750


def test_the_best_threshold_is_the_best_of_all_of_them() -> None:
    chance = np.random.default_rng(1)
    series = [labelled([(300, 399), (600, 640)]), labelled([(500, 530)])]
    scores = [np.round(chance.random(1000), 2) for _ in series]
    for scored, one in zip(scores, series, strict=True):
        for start, _ in one.windows:
            scored[start + 5] += 0.3
    found = rows(series, scores)
    threshold, best = best_threshold(found)
    tried = {each: score(found, each) for each in np.unique(found.scores)}
    assert best == pytest.approx(max(tried.values()))
    assert tried[threshold] == pytest.approx(best)


def test_a_folder_of_the_benchmarks_shape_is_read(tmp_path) -> None:
    (tmp_path / "windows.json").write_text(
        '{"g__a.csv": [["2014-02-14 00:05:00.000000", "2014-02-14 00:10:00.000000"]]}'
    )
    (tmp_path / "g__a.csv").write_text(
        "timestamp,value\n2014-02-14 00:00:00,1\n2014-02-14 00:05:00,2.5\n2014-02-14 00:10:00,3\n"
    )
    [series] = corpus(tmp_path)
    assert (series.group, series.windows, series.step_s) == ("g", [(1, 2)], 300)
    assert series.values.tolist() == [1, 2.5, 3]
