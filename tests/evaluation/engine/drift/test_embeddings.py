import numpy as np
import pytest

from evaluation.engine.drift import classifier, energy, mmd, moved
from evaluation.engine.drift.embeddings import _beyond

TESTS = [mmd, energy, classifier]


def topics(count: int, seed: int, share_of_new: float = 0.0) -> np.ndarray:
    """Unit vectors around twenty topics; the first rows are around another one."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(0, 1, (21, 32))
    topic = chance.integers(0, 20, count)
    topic[: round(share_of_new * count)] = 20
    rows = centres[topic] + chance.normal(0, 0.7, (count, 32))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("test", TESTS)
def test_texts_without_drift_are_found_to_drift_no_more_than_five_times_in_a_hundred(test) -> None:
    hits = sum(test(topics(80, 2 * run), topics(50, 2 * run + 1), seed=run).p < 0.05 for run in range(60))
    assert hits <= 8


@pytest.mark.parametrize("test", TESTS)
def test_a_fifth_of_a_new_topic_is_found(test) -> None:
    found = [test(topics(300, 2 * run), topics(150, 2 * run + 1, 0.2), seed=run).p < 0.05 for run in range(8)]
    assert sum(found) >= 6


def test_a_topic_that_spread_without_moving_the_mean_is_found_by_kernels() -> None:
    chance = np.random.default_rng(1)
    found = mmd(chance.normal(0, 1, (300, 8)), chance.normal(0, 1.5, (300, 8)), seed=1)
    assert found.p < 0.05


@pytest.mark.parametrize("test", TESTS)
def test_equal_seeds_give_equal_answers(test) -> None:
    before, after = topics(100, 1), topics(100, 2)
    assert test(before, after, seed=3) == test(before, after, seed=3)


@pytest.mark.parametrize("test", TESTS)
def test_too_few_texts_are_not_tested(test) -> None:
    found = test(topics(100, 1), topics(10, 2), seed=1)
    assert np.isnan(found.p)
    assert found.current == 10


def test_windows_of_texts_that_are_all_the_same_do_not_drift() -> None:
    same = np.tile(topics(1, 1), (50, 1))
    for test in (mmd, energy, classifier):
        assert test(same, same, seed=1).p > 0.3


def test_the_examples_that_moved_are_the_new_ones() -> None:
    shown = moved(topics(600, 1), topics(300, 2, 0.1), seed=1, most=20)
    assert len(shown) == 20
    assert sum(at < 30 for at, _ in shown) >= 18
    assert [ratio for _, ratio in shown] == sorted((ratio for _, ratio in shown), reverse=True)
    assert moved(topics(5, 1), topics(300, 2), seed=1) == []


@pytest.mark.parametrize("test", [mmd, energy])
def test_what_no_permutation_comes_near_is_rarer_than_there_are_permutations(test) -> None:
    found = test(topics(300, 1), topics(200, 2, 0.5), seed=1)
    assert found.p < 1e-6


def test_the_tail_beyond_the_permutations_is_as_often_reached_as_it_says() -> None:
    """Statistics of 30,000 further permutations against the tail that 199 of them say."""
    chance = np.random.default_rng(2)
    # What a sum of squares of a few directions looks like, as these statistics do without drift.
    usual, further = chance.gamma(4, 1, (30, 199)), chance.gamma(4, 1, (30, 1_000))
    beyond = [
        value > one.max() and _beyond(one, float(value)) <= 0.001
        for one, values in zip(usual, further, strict=True)
        for value in values
    ]
    assert 5 <= sum(beyond) <= 60
